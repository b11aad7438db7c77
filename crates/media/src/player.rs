//! Prompts and tones being played, in frames of 20 ms.

use std::sync::Arc;

use rtp::{ALAW_SILENCE, FRAME};

/// Plays clips of A-law one after another.
#[derive(Debug)]
pub(crate) struct Player {
    /// Names the end for the floor; tones and music have none.
    play: Option<u32>,
    clips: Vec<Arc<[u8]>>,
    clip: usize,
    at: usize,
    repeat: bool,
}

impl Player {
    /// Plays the clips once; their end is reported as that of `play`.
    pub(crate) const fn once(play: u32, clips: Vec<Arc<[u8]>>) -> Self {
        Self { play: Some(play), clips, clip: 0, at: 0, repeat: false }
    }

    /// Plays the clips over and over; without audio in them it ends at once.
    pub(crate) fn repeat(clips: Vec<Arc<[u8]>>) -> Self {
        let audible = clips.iter().any(|clip| !clip.is_empty());
        Self { play: None, clips, clip: 0, at: 0, repeat: audible }
    }

    /// What the end of this is called.
    pub(crate) const fn play(&self) -> Option<u32> {
        self.play
    }

    /// The next frame, the last one filled up with silence; `None` when all has been played.
    pub(crate) fn frame(&mut self) -> Option<[u8; FRAME]> {
        let mut frame = [ALAW_SILENCE; FRAME];
        let mut filled = 0;
        while filled < FRAME {
            let Some(clip) = self.clips.get(self.clip) else {
                if !self.repeat {
                    break;
                }
                self.clip = 0;
                continue;
            };
            let rest = clip.get(self.at..).unwrap_or(&[]);
            let taken = rest.len().min(FRAME - filled);
            if let (Some(to), Some(from)) =
                (frame.get_mut(filled..filled + taken), rest.get(..taken))
            {
                to.copy_from_slice(from);
            }
            filled += taken;
            self.at += taken;
            if taken == rest.len() {
                self.clip += 1;
                self.at = 0;
            }
        }
        (filled > 0).then_some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clips(lengths: &[usize]) -> Vec<Arc<[u8]>> {
        (1_u8..).zip(lengths).map(|(octet, length)| vec![octet; *length].into()).collect()
    }

    #[test]
    fn prompts_follow_each_other_without_a_gap_and_end_in_silence() {
        let mut player = Player::once(1, clips(&[100, 0, 100]));
        let first = player.frame().unwrap();
        assert_eq!((first[99], first[100], first[159]), (1, 3, 3));
        let last = player.frame().unwrap();
        assert_eq!((last[39], last[40]), (3, ALAW_SILENCE));
        assert_eq!(player.frame(), None);
    }

    #[test]
    fn music_begins_again() {
        let mut player = Player::repeat(clips(&[200]));
        assert!((0..1_000).all(|_| player.frame() == Some([1; FRAME])));
    }

    #[test]
    fn nothing_to_play_ends_at_once() {
        assert_eq!(Player::once(1, vec![]).frame(), None);
        assert_eq!(Player::repeat(clips(&[0, 0])).frame(), None);
    }
}
