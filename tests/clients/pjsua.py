"""A telephone on pjsua2, told what to do over a connection to the test that started it.

It takes one argument, JSON: `number`, `password`, `server` (address and port), `transport` (`udp`,
`tcp`, `tls`), `control` (the port of the test), `sip` and `audio` (ports of its own), `hz` (the
tone it speaks) and `folder` (where it writes what it hears); it registers where `register` says so,
and shows a certificate and asks for one where it has `certificate`, `key` and `ca` (files). Commands come one a line: `answer`,
`dial <number>` (beside the call there is, too), `hang_up`, `hold`, `retrieve`, `join` (the two
calls, by attended transfer), `unregister`. Events go back one a line, as JSON. It ends with the
connection.
"""

import json
import socket
import sys

import pjsua2 as pj

# The rate of what is written down, and of everything between.
RATE = 8000


class Control:
    """The connection to the test."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.rest = b""

    def tell(self, kind, **more):
        self.socket.sendall(json.dumps({"type": kind, **more}).encode() + b"\n")

    def commands(self):
        """What was told since, or None when the test is gone."""
        try:
            octets = self.socket.recv(4096)
        except BlockingIOError:
            return []
        if not octets:
            return None
        *lines, self.rest = (self.rest + octets).split(b"\n")
        return [line.decode() for line in lines]


class Call(pj.Call):
    def __init__(self, phone, call_id):
        super().__init__(phone, call_id)
        self.phone = phone
        self.recorder = None

    def onCallState(self, prm):
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_EARLY and info.role == pj.PJSIP_ROLE_UAC:
            self.phone.control.tell("ringing")
        elif info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            self.phone.control.tell("established")
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            # What was heard is all in the file once its recorder is gone.
            self.recorder = None
            self.phone.over.append(self)
            if self.phone.call is self:
                self.phone.call, self.phone.first = self.phone.first, None
            else:
                self.phone.first = None
            self.phone.control.tell("closed", status=info.lastStatusCode)

    def onCallTransferStatus(self, prm):
        self.phone.control.tell("transfer", status=prm.statusCode, final=prm.finalNotify)

    def onCallMediaState(self, prm):
        # Held on to: its list of media goes with it.
        info = self.getInfo()
        for index, media in enumerate(info.media):
            if media.type != pj.PJMEDIA_TYPE_AUDIO:
                continue
            if media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                self.connect(self.getAudioMedia(index))
            kinds = {pj.PJSUA_CALL_MEDIA_ACTIVE: "active", pj.PJSUA_CALL_MEDIA_LOCAL_HOLD: "held"}
            self.phone.control.tell("media", state=kinds.get(media.status, "other"))

    def connect(self, audio):
        if self.recorder is None:
            self.recorder = pj.AudioMediaRecorder()
            self.recorder.createRecorder(self.phone.file())
        audio.startTransmit(self.recorder)
        self.phone.tone.startTransmit(audio)


class Phone(pj.Account):
    def __init__(self, wanted, control):
        super().__init__()
        self.wanted = wanted
        self.control = control
        self.call = None
        # The call that was there before, when there are two.
        self.first = None
        # Calls that have ended: they may not go while they are being told so.
        self.over = []
        self.calls = 0
        self.tone = pj.ToneGenerator()
        self.tone.createToneGenerator(RATE)
        tone = pj.ToneDesc()
        tone.freq1, tone.on_msec, tone.off_msec = wanted["hz"], 1000, 0
        tones = pj.ToneDescVector()
        tones.append(tone)
        self.tone.play(tones, True)

    def file(self):
        self.calls += 1
        return f"{self.wanted['folder']}/{self.calls:03}-dec.wav"

    def onRegState(self, prm):
        info = self.getInfo()
        kind = "registered" if info.regIsActive else "unregistered"
        self.control.tell(kind, status=prm.code)

    def onIncomingCall(self, prm):
        call = Call(self, prm.callId)
        answer = pj.CallOpParam()
        if self.call is not None:
            answer.statusCode = 486
            call.answer(answer)
            return
        self.call = call
        answer.statusCode = 180
        call.answer(answer)
        self.control.tell("incoming", text=prm.rdata.wholeMsg)

    def obey(self, command):
        if command == "unregister":
            self.setRegistration(False)
            return
        if command.startswith("dial "):
            self.dial(command.removeprefix("dial "))
            return
        if self.call is None:
            self.control.tell("no_call", command=command)
            return
        prm = pj.CallOpParam(True)
        if command == "answer":
            prm.statusCode = 200
            self.call.answer(prm)
        elif command == "hang_up":
            self.call.hangup(prm)
        elif command == "hold":
            self.call.setHold(prm)
        elif command == "join":
            self.first.xferReplaces(self.call, prm)
        elif command == "retrieve":
            prm.opt.flag = pj.PJSUA_CALL_UNHOLD
            self.call.reinvite(prm)
        else:
            raise ValueError(command)

    def dial(self, number):
        self.first, self.call = self.call, Call(self, pj.PJSUA_INVALID_ID)
        uri = f"sip:{number}@{self.wanted['server']};transport={self.wanted['transport']}"
        self.call.makeCall(uri, pj.CallOpParam(True))


def endpoint(wanted):
    end = pj.Endpoint()
    end.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.logConfig.level = config.logConfig.consoleLevel = 5
    config.medConfig.clockRate = config.medConfig.sndClockRate = RATE
    config.medConfig.noVad = True
    end.libInit(config)
    kinds = {
        "udp": pj.PJSIP_TRANSPORT_UDP,
        "tcp": pj.PJSIP_TRANSPORT_TCP,
        "tls": pj.PJSIP_TRANSPORT_TLS,
    }
    transport = pj.TransportConfig()
    transport.port = wanted["sip"]
    transport.boundAddress = "127.0.0.1"
    if "certificate" in wanted:
        tls = transport.tlsConfig
        tls.certFile, tls.privKeyFile = wanted["certificate"], wanted["key"]
        tls.CaListFile = wanted["ca"]
        tls.verifyServer = tls.verifyClient = tls.requireClientCert = True
    end.transportCreate(kinds[wanted["transport"]], transport)
    end.libStart()
    end.audDevManager().setNullDev()
    for codec in end.codecEnum2():
        end.codecSetPriority(codec.codecId, 200 if codec.codecId.startswith("PCMA") else 0)
    return end


def account(wanted):
    number, server = wanted["number"], wanted["server"]
    config = pj.AccountConfig()
    config.idUri = f"sip:{number}@{server}"
    if wanted.get("register"):
        config.regConfig.registrarUri = f"sip:{server};transport={wanted['transport']}"
    config.regConfig.timeoutSec = 600
    secret = pj.AuthCredInfo("digest", "*", number, 0, wanted["password"])
    config.sipConfig.authCreds.append(secret)
    config.mediaConfig.transportConfig.port = wanted["audio"]
    config.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
    return config


def main():
    wanted = json.loads(sys.argv[1])
    control = Control(wanted["control"])
    end = endpoint(wanted)
    phone = Phone(wanted, control)
    phone.create(account(wanted))
    while (commands := control.commands()) is not None:
        for command in commands:
            phone.obey(command)
        end.libHandleEvents(10)
        phone.over.clear()
    # In order: a call and an account that outlive the endpoint end the process with an assertion.
    phone.call = phone.first = None
    phone.shutdown()
    del phone
    end.libDestroy()


main()
