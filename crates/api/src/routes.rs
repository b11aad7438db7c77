//! Every path: what it does, who may, and what answers. `docs/api.md` is made from this table, so
//! that neither knows a path the other does not.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;
use crate::{
    agents, bans, calls, draws, events, ladder, provisioning, recordings, status, trunks, why,
};

/// What is said of one path.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    /// The roles that may, beside `admin`, who may everything.
    pub(crate) roles: &'static [&'static str],
    pub(crate) takes: &'static str,
    pub(crate) text: &'static str,
}

#[cfg(test)]
pub(crate) mod roles {
    pub(crate) const EVERYONE: &[&str] = &["team_lead", "agent", "reviewer", "viewer"];
    pub(super) const NOBODY: &[&str] = &[];
    pub(super) const LEADS: &[&str] = &["team_lead"];
    pub(super) const LEADS_AND_OWN: &[&str] = &["team_lead", "agent"];
    pub(super) const LISTENERS: &[&str] = &["team_lead", "reviewer"];
    pub(super) const LISTENERS_AND_OWN: &[&str] = &["team_lead", "reviewer", "agent"];
}

macro_rules! routes {
    ($($method:ident $path:literal $handler:path, $roles:ident, $takes:literal, $text:literal;)*) => {
        /// Every path that asks for a token, but for `/metrics`.
        #[cfg(test)]
        pub(crate) const ROUTES: &[Route] = &[$(Route {
            method: stringify!($method),
            path: $path,
            roles: roles::$roles,
            takes: $takes,
            text: $text,
        },)*];

        /// What answers at each of [`ROUTES`].
        pub(crate) fn router() -> Router<Arc<App>> {
            Router::new()$(.route($path, $method($handler)))*
        }
    };
}

routes! {
    post "/v1/agents/{agent}/sign-in" agents::sign_in, LEADS_AND_OWN,
        "`{\"phone\": \"1001\"}` when it is not the agent's own", "Begins a working session (签入).";
    post "/v1/agents/{agent}/sign-out" agents::sign_out, LEADS_AND_OWN,
        "", "Ends it (签出); during a call, after the call and its wrap-up.";
    post "/v1/agents/{agent}/ready" agents::ready, LEADS_AND_OWN,
        "", "Takes calls (示闲).";
    post "/v1/agents/{agent}/busy" agents::busy, LEADS_AND_OWN,
        "`{\"reason\": \"break\"}`", "Takes none, for a reason of the configuration (示忙).";
    post "/v1/agents/{agent}/end-wrap-up" agents::end_wrap_up, LEADS_AND_OWN,
        "", "Ends wrap-up early (结束话后处理).";
    post "/v1/agents/{agent}/extend-wrap-up" agents::extend_wrap_up, LEADS_AND_OWN,
        "`{\"by_ms\": 30000}`", "Makes wrap-up longer, up to `rules.wrap_up_at_most`.";
    post "/v1/agents/{agent}/queues/{queue}/sign-in" agents::sign_in_to, LEADS_AND_OWN,
        "", "Signs in to a queue (签入队列), of those whose needs the agent meets.";
    post "/v1/agents/{agent}/queues/{queue}/sign-out" agents::sign_out_of, LEADS_AND_OWN,
        "", "Signs out of a queue (签出队列): none of its calls is offered until the agent signs in to it, or anew; what rings goes on.";
    post "/v1/agents/{agent}/force" agents::force, LEADS,
        "`{\"state\": \"busy\", \"reason\": \"meeting\", \"note\": \"…\"}`; `note` as wanted, or as `rules.force_note` says",
        "Forces `ready`, `busy` or `signed_out` (强制), whatever the state; an offer ends first. The log keeps who did and why.";
    post "/v1/calls/{call}/release" calls::release, LEADS,
        "", "Ends a call (强拆).";
    post "/v1/calls/{call}/assign" calls::assign, LEADS,
        "`{\"agent\": 1001}`", "Gives a waiting call to an agent who is available, whatever the queue asks for (指派). The \
             log says who did.";
    post "/v1/calls/{call}/move" calls::move_to, LEADS,
        "`{\"queue\": \"…\"}`", "Lets a waiting call wait in another queue (转队列); what it has waited counts there.";
    post "/v1/draws/{draw}/verify" draws::verify, LISTENERS,
        "", "Computes a draw again and says where it differs (复核).";
    post "/v1/draws" draws::make, LISTENERS,
        "`{\"size\": 10, \"seed\": \"…\", \"per_agent_min\": 1, \"agents\": [1001], \"queues\": [\"…\"], \
         \"from\": \"…\", \"to\": \"…\", \"min_duration_ms\": 0, \"max_duration_ms\": 600000}`, all but \
         `size` as wanted",
        "Draws a sample of recordings (抽检). The same plan over the same recordings is drawn once.";
    get "/v1/draws" draws::list, LISTENERS,
        "`limit`, `after`", "The draws that were made, the latest first.";
    get "/v1/draws/{draw}" draws::show, LISTENERS,
        "", "One draw: its plan, its population, what was drawn.";
    get "/v1/status" status::show, EVERYONE,
        "", "The floor as it is: queues, agents, calls; `durable` is where an event stream that is to \
             miss nothing begins.";
    get "/v1/queues" status::queues, EVERYONE, "", "The queues alone.";
    get "/v1/agents" status::agents, EVERYONE, "", "The agents alone.";
    get "/v1/agents/{agent}" status::agent, EVERYONE, "", "One agent.";
    get "/v1/agents/{agent}/history" agents::history, LISTENERS_AND_OWN,
        "`since`, `until`, `limit`", "What the agent was when.";
    get "/v1/calls" calls::list, LISTENERS,
        "`since`, `until`, `agent`, `queue`, `outcome`, `number`, `limit`, `after`",
        "Call detail records (话单), the latest first.";
    get "/v1/calls/{call}" calls::show, LISTENERS, "", "One call's record and its events.";
    get "/v1/calls/{call}/ladder" ladder::show, NOBODY,
        "", "What was said over SIP about a call, message by message, as long as it is kept (`sip.trace`, `trace.disk`).";
    get "/v1/calls/{call}/why" why::show, LEADS,
        "", "Why a call met whom it met (分配解释): each wait in a queue; when there was nobody, and who was there; \
             each offer with its candidates, what they were ranked by, who was passed over and why; how it ended.";
    get "/v1/calls/{call}/why-not/{agent}" why::show_not, LEADS,
        "", "Why an agent did not get a call: what the agent was to each offer, and did while the call waited.";
    get "/v1/recordings" recordings::list, LISTENERS,
        "`since`, `until`, `agent`, `queue`, `call`, `state`, `limit`, `after`",
        "Recordings (录音), the latest first. A `state` is `started`, `sealed` or `failed`.";
    get "/v1/recordings/{recording}" recordings::show, LISTENERS,
        "", "One recording: call, queue, agent, times, SHA-256.";
    get "/v1/recordings/{recording}/audio" recordings::audio, LISTENERS,
        "`Range`", "The audio as WAV: two channels, left the caller. Every playback is an event.";
    get "/v1/trunks" trunks::list, NOBODY, "", "The trunks (中继): where each is, whether it is there, whether we are registered.";
    get "/v1/bans" bans::list, NOBODY, "", "Sources that signalling has shut out, until when and why.";
    post "/v1/bans/{source}/lift" bans::lift, NOBODY, "", "Lets a source in again.";
    post "/v1/phones/{phone}/provisioning" provisioning::issue, NOBODY,
        "`{\"url_base\": \"https://…\", \"valid_ms\": 600000}` as wanted",
        "Gives a phone (话机) another password and an address to be set up by, good for a while; what it had is \
         worthless at once.";
    post "/v1/phones/{phone}/provisioning/revoke" provisioning::revoke, NOBODY,
        "", "Takes a phone's password and address away: it is locked out until another is issued.";
    get "/v1/events" events::stream, EVERYONE,
        "`after=epoch:seq`", "The event stream (WebSocket): everything after that place, without gaps.";
}
