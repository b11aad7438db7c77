// A telephone on JsSIP, told what to do by the test that serves this page. What it is to be stands
// behind the address's `#`, as JSON: `number`, `password`, `server` (a WebSocket's address).
// It asks `/next` for commands and posts what happens to `/told`. Its mouth is a tone of 600 Hz, its
// ear says which tone is loudest.

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
  begun.on("ended", (event) => tell("ended", { by: event.originator, cause: event.cause }));
  begun.on("accepted", () => tell("accepted"));
  begun.on("hold", ({ originator: by }) => by === "remote" && tell("held", { by }));
  begun.on("unhold", ({ originator: by }) => by === "remote" && tell("retrieved", { by }));
  if (originator !== "remote") return;
  tell("incoming", {
    by: originator,
    call: request.getHeader("X-Hotline-Call"),
    caller: request.from.uri.user,
    body: request.body,
  });
});

const sound = new AudioContext();

function mouth() {
  const tone = new OscillatorNode(sound, { frequency: 600 });
  const mouth = sound.createMediaStreamDestination();
  tone.connect(new GainNode(sound, { gain: 0.3 })).connect(mouth);
  tone.start();
  return mouth.stream;
}

// The loudest tone in Hz of what comes from the far side, over a second.
async function hear() {
  const stream = new MediaStream([session.connection.getReceivers()[0].track]);
  // Chromium lets a remote track flow only where something plays it.
  const player = new Audio();
  player.muted = true;
  player.srcObject = stream;
  await player.play();
  const ear = new AnalyserNode(sound, { fftSize: 32768 });
  sound.createMediaStreamSource(stream).connect(ear);
  await new Promise((done) => setTimeout(done, 1000));
  const levels = new Float32Array(ear.frequencyBinCount);
  ear.getFloatFrequencyData(levels);
  const loudest = levels.indexOf(Math.max(...levels));
  tell("hears", {
    hz: Math.round((loudest * sound.sampleRate) / ear.fftSize),
    level: Math.max(...levels),
  });
}

// Holds or retrieves, and tells so when the far side has agreed: JsSIP reports its own change before
// it is asked for, and refuses the next one until it is answered.
async function agreed(change, type) {
  while (!change(() => tell(type, { by: "local" }))) {
    await new Promise((done) => setTimeout(done, 50));
  }
}

const commands = {
  dial: (number) =>
    phone.call(`sip:${number}@test.example`, {
      mediaConstraints: { audio: true, video: false },
      mediaStream: mouth(),
    }),
  hang_up: () => session.terminate(),
  hear,
  hold: () => agreed((done) => session.hold({}, done), "held"),
  retrieve: () => agreed((done) => session.unhold({}, done), "retrieved"),
  refuse: () => session.terminate({ status_code: 486 }),
  stop: () => phone.stop(),
};

async function obey() {
  for (;;) {
    const answer = await fetch("/next");
    const command = await answer.text();
    // An empty answer: nothing was to be done for a while.
    const [name, ...words] = command.split(" ");
    commands[name]?.(...words);
  }
}

// Whoever closes the page signs off.
addEventListener("pagehide", () => phone.stop());
phone.start();
obey();
