// A telephone on JsSIP, told what to do by the test that serves this page. What it is to be stands
// behind the address's `#`, as JSON: `number`, `password`, `server` (a WebSocket's address).
// It asks `/next` for commands and posts what happens to `/told`. It has no ear and no mouth.

const wanted = JSON.parse(decodeURIComponent(location.hash.slice(1)));
let session = null;

function tell(type, more = {}) {
  return fetch("/told", { method: "POST", body: JSON.stringify({ type, ...more }) });
}

const phone = new JsSIP.UA({
  sockets: [new JsSIP.WebSocketInterface(wanted.server)],
  uri: `sip:${wanted.number}@test.example`,
  password: wanted.password,
  register_expires: 600,
});
phone.on("connected", () => tell("connected"));
phone.on("disconnected", () => tell("disconnected"));
phone.on("registered", () => tell("registered"));
phone.on("unregistered", (event) => tell("unregistered", { status: event.response?.status_code }));
phone.on("registrationFailed", (event) => tell("registration_failed", { cause: event.cause }));
phone.on("newRTCSession", ({ originator, request, session: begun }) => {
  session = begun;
  begun.on("failed", (event) => tell("ended", { by: event.originator, cause: event.cause }));
  tell("incoming", {
    by: originator,
    call: request.getHeader("X-Hotline-Call"),
    caller: request.from.uri.user,
    body: request.body,
  });
});

const commands = {
  refuse: () => session.terminate({ status_code: 486 }),
  stop: () => phone.stop(),
};

async function obey() {
  for (;;) {
    const answer = await fetch("/next");
    const command = await answer.text();
    // An empty answer: nothing was to be done for a while.
    commands[command]?.();
  }
}

// Whoever closes the page signs off.
addEventListener("pagehide", () => phone.stop());
phone.start();
obey();
