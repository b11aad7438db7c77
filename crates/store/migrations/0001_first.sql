-- Points in time are microseconds since the Unix epoch in UTC; spans are milliseconds. `whole` is
-- the row as JSON, which the product reads; the other columns are for filters and for reports.
-- The same text serves SQLite and PostgreSQL.

CREATE TABLE projection_mark (
    tenant TEXT NOT NULL PRIMARY KEY,
    epoch BIGINT NOT NULL,
    seq BIGINT NOT NULL
);

CREATE TABLE calls (
    tenant TEXT NOT NULL,
    call TEXT NOT NULL,
    began_epoch BIGINT NOT NULL,
    began_seq BIGINT NOT NULL,
    from_number TEXT NOT NULL,
    to_number TEXT NOT NULL,
    hotline TEXT,
    trunk TEXT,
    phone TEXT,
    sip_call_id TEXT NOT NULL,
    arrived_at BIGINT NOT NULL,
    answered_at BIGINT,
    queued_at BIGINT,
    joined_at BIGINT,
    ended_at BIGINT,
    outcome TEXT,
    cause TEXT,
    transferred_to TEXT,
    waited_ms BIGINT NOT NULL,
    talk_ms BIGINT NOT NULL,
    held_ms BIGINT NOT NULL,
    whole TEXT NOT NULL,
    PRIMARY KEY (tenant, call)
);

CREATE INDEX calls_by_arrival ON calls (tenant, arrived_at, call);
CREATE INDEX calls_open ON calls (tenant, ended_at);

CREATE TABLE segments (
    tenant TEXT NOT NULL,
    call TEXT NOT NULL,
    n BIGINT NOT NULL,
    segment BIGINT NOT NULL,
    kind TEXT NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT,
    flow TEXT,
    queue TEXT,
    agent BIGINT,
    with_number TEXT,
    outcome TEXT,
    cause TEXT,
    held_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant, call, n)
);

CREATE INDEX segments_by_agent ON segments (tenant, agent, since);
CREATE INDEX segments_by_queue ON segments (tenant, queue, since);

CREATE TABLE agent_states (
    tenant TEXT NOT NULL,
    agent BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    call TEXT,
    phone TEXT,
    since BIGINT NOT NULL,
    until BIGINT,
    cause TEXT,
    actor TEXT NOT NULL,
    whole TEXT NOT NULL,
    PRIMARY KEY (tenant, agent, epoch, seq)
);

CREATE INDEX agent_states_by_time ON agent_states (tenant, agent, since);
CREATE INDEX agent_states_open ON agent_states (tenant, until);

CREATE TABLE recordings (
    tenant TEXT NOT NULL,
    recording TEXT NOT NULL,
    call TEXT NOT NULL,
    part TEXT NOT NULL,
    state TEXT NOT NULL,
    agent BIGINT,
    queue TEXT,
    at BIGINT NOT NULL,
    duration_ms BIGINT,
    file TEXT,
    octets BIGINT,
    sha256 TEXT,
    whole TEXT NOT NULL,
    PRIMARY KEY (tenant, recording)
);

CREATE INDEX recordings_by_time ON recordings (tenant, at, recording);
CREATE INDEX recordings_by_call ON recordings (tenant, call);

-- What follows is no projection and is not rebuilt.

CREATE TABLE draws (
    tenant TEXT NOT NULL,
    draw TEXT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    whole TEXT NOT NULL,
    PRIMARY KEY (tenant, draw)
);

CREATE TABLE bindings (
    tenant TEXT NOT NULL,
    phone TEXT NOT NULL,
    contact TEXT NOT NULL,
    source TEXT NOT NULL,
    transport TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    call_id TEXT NOT NULL,
    cseq BIGINT NOT NULL,
    PRIMARY KEY (tenant, phone, contact)
);
