//! G.711 (ITU-T G.711): A-law and µ-law to linear and back, and to each other by table.

/// A-law silence.
pub const ALAW_SILENCE: u8 = 0xd5;

/// µ-law silence.
pub const ULAW_SILENCE: u8 = 0xff;

/// The linear sample of an A-law octet, of 16 bits.
#[must_use]
pub const fn alaw_decode(octet: u8) -> i16 {
    let bits = octet ^ 0x55;
    let mantissa = ((bits & 0x0f) as i16) << 4;
    let magnitude = match (bits & 0x70) >> 4 {
        0 => mantissa + 8,
        segment => (mantissa + 0x108) << (segment - 1),
    };
    if bits & 0x80 == 0 { -magnitude } else { magnitude }
}

/// The linear sample of a µ-law octet, of 16 bits.
#[must_use]
pub const fn ulaw_decode(octet: u8) -> i16 {
    let bits = !octet;
    let magnitude = ((((bits & 0x0f) as i16) << 3) + 0x84) << ((bits & 0x70) >> 4);
    if bits & 0x80 == 0 { magnitude - 0x84 } else { 0x84 - magnitude }
}

/// The A-law octet nearest to a linear sample.
#[must_use]
pub const fn alaw_encode(sample: i16) -> u8 {
    let (magnitude, mask) = if sample >= 0 { (sample, 0xd5) } else { (!sample, 0x55) };
    let magnitude = magnitude.cast_unsigned() >> 3;
    let segment = segment(magnitude, 5);
    let shift = if segment < 2 { 1 } else { segment };
    (segment << 4 | low_four(magnitude >> shift)) ^ mask
}

/// The µ-law octet nearest to a linear sample.
#[must_use]
pub const fn ulaw_encode(sample: i16) -> u8 {
    const CLIP: u16 = 8_158;
    let mask = if sample >= 0 { 0xff } else { 0x7f };
    let magnitude = sample.unsigned_abs() >> 2;
    let magnitude = if magnitude > CLIP { CLIP } else { magnitude } + 33;
    let segment = segment(magnitude, 6);
    (segment << 4 | low_four(magnitude >> (segment + 1))) ^ mask
}

/// The µ-law octet of the same sound.
#[must_use]
#[expect(clippy::indexing_slicing, reason = "the table has an entry for every octet")]
pub const fn alaw_to_ulaw(octet: u8) -> u8 {
    A_TO_U[octet as usize]
}

/// The A-law octet of the same sound.
#[must_use]
#[expect(clippy::indexing_slicing, reason = "the table has an entry for every octet")]
pub const fn ulaw_to_alaw(octet: u8) -> u8 {
    U_TO_A[octet as usize]
}

static A_TO_U: [u8; 256] = table(true);
static U_TO_A: [u8; 256] = table(false);

#[expect(clippy::indexing_slicing, reason = "the index runs over the table")]
const fn table(from_alaw: bool) -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = 0_u8;
    loop {
        table[octet as usize] = if from_alaw {
            ulaw_encode(alaw_decode(octet))
        } else {
            alaw_encode(ulaw_decode(octet))
        };
        if octet == u8::MAX {
            return table;
        }
        octet += 1;
    }
}

/// The number of the chord: how many bits `magnitude` has above the `lowest`, at most 7.
const fn segment(magnitude: u16, lowest: u32) -> u8 {
    let above = (u16::BITS - magnitude.leading_zeros()).saturating_sub(lowest);
    match above {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 3,
        4 => 4,
        5 => 5,
        6 => 6,
        _ => 7,
    }
}

const fn low_four(bits: u16) -> u8 {
    bits.to_le_bytes()[0] & 0x0f
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_agree_with_the_standard() {
        assert_eq!(alaw_encode(0), ALAW_SILENCE);
        assert_eq!(ulaw_encode(0), ULAW_SILENCE);
        assert_eq!((alaw_decode(0xd5), alaw_decode(0x55)), (8, -8));
        assert_eq!((alaw_decode(0xaa), alaw_decode(0x2a)), (32_256, -32_256));
        assert_eq!((ulaw_decode(0x80), ulaw_decode(0x00)), (32_124, -32_124));
        assert_eq!((alaw_encode(i16::MAX), alaw_encode(i16::MIN)), (0xaa, 0x2a));
        assert_eq!((ulaw_encode(i16::MAX), ulaw_encode(i16::MIN)), (0x80, 0x00));
    }

    #[test]
    fn every_octet_survives_decoding_and_encoding() {
        for octet in 0..=u8::MAX {
            assert_eq!(alaw_encode(alaw_decode(octet)), octet);
            let ulaw = ulaw_encode(ulaw_decode(octet));
            // µ-law has a negative zero; it comes back as zero.
            assert_eq!(ulaw, if octet == 0x7f { 0xff } else { octet });
        }
    }

    #[test]
    fn a_sample_is_off_by_at_most_a_twentieth() {
        for sample in i16::MIN..=i16::MAX {
            let size = f64::from(sample).abs();
            let allowed = (size / 20.0).max(9.0);
            for back in [alaw_decode(alaw_encode(sample)), ulaw_decode(ulaw_encode(sample))] {
                assert!((f64::from(back) - f64::from(sample)).abs() <= allowed, "{sample} {back}");
            }
        }
    }

    #[test]
    fn transcoding_keeps_the_sound() {
        for octet in 0..=u8::MAX {
            let there = f64::from(alaw_decode(octet));
            let back = f64::from(ulaw_decode(alaw_to_ulaw(octet)));
            assert!((there - back).abs() <= (there.abs() / 15.0).max(16.0), "{octet}");
            let there = f64::from(ulaw_decode(octet));
            let back = f64::from(alaw_decode(ulaw_to_alaw(octet)));
            assert!((there - back).abs() <= (there.abs() / 15.0).max(16.0), "{octet}");
        }
    }
}
