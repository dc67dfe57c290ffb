-- A journal of schema 1, as the first program wrote it: kept to prove that later ones read it.
PRAGMA application_id = 1096111183;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO "counters" VALUES('ended',2);
INSERT INTO "counters" VALUES('pending',2);
INSERT INTO "counters" VALUES('scores',1);
INSERT INTO "counters" VALUES('scores_pending',1);
INSERT INTO "counters" VALUES('spans',3);
INSERT INTO "counters" VALUES('traces',2);
CREATE TABLE destinations (
    id INTEGER PRIMARY KEY,
    host TEXT NOT NULL,
    public_key TEXT NOT NULL,
    UNIQUE (host, public_key)
);
INSERT INTO "destinations" VALUES(1,'https://langfuse.example','pk-lf-v1');
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('lowest_writer','1');
CREATE TABLE outbox (
    destination_id INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    process_id INTEGER NOT NULL,
    PRIMARY KEY (destination_id, kind, seq)
) WITHOUT ROWID;
INSERT INTO "outbox" VALUES(1,0,2,1);
INSERT INTO "outbox" VALUES(1,0,3,1);
INSERT INTO "outbox" VALUES(1,1,1,1);
CREATE TABLE processes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pid INTEGER NOT NULL,
    program TEXT NOT NULL,
    started_at REAL NOT NULL,
    heartbeat_at REAL NOT NULL,
    ended_at REAL,
    health TEXT NOT NULL DEFAULT '{}'
);
INSERT INTO "processes" VALUES(1,4711,'old.py',1764000000.0,1764000000.0,NULL,'{}');
CREATE TABLE rejected (
    destination_id INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    status INTEGER NOT NULL,
    message TEXT NOT NULL,
    rejected_at REAL NOT NULL,
    PRIMARY KEY (destination_id, kind, seq)
) WITHOUT ROWID;
CREATE TABLE resources (
    id INTEGER PRIMARY KEY,
    process_id INTEGER NOT NULL REFERENCES processes (id),
    destination_id INTEGER REFERENCES destinations (id),
    environment TEXT NOT NULL,
    release TEXT NOT NULL,
    attributes TEXT NOT NULL
);
INSERT INTO "resources" VALUES(1,1,1,'development','0.1.0','{"service.name":"autoops"}');
CREATE TABLE scores (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    score_id TEXT NOT NULL UNIQUE,
    trace_id TEXT NOT NULL,
    span_id TEXT,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    data_type TEXT NOT NULL,
    comment TEXT,
    extra TEXT,
    timestamp_ns INTEGER NOT NULL,
    resource_id INTEGER NOT NULL REFERENCES resources (id)
);
INSERT INTO "scores" VALUES(1,'score-1','a34a76d20b187714495a7e44c4755a72','fee27dc28eeca617','quality','0.5','NUMERIC',NULL,NULL,1795567926313741702,1);
CREATE TABLE spans (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    parent_span_id TEXT,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    agent TEXT,
    operation TEXT,
    decision TEXT,
    confidence REAL,
    level TEXT NOT NULL,
    status_message TEXT,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER,
    state INTEGER NOT NULL,
    input TEXT,
    output TEXT,
    attributes TEXT NOT NULL,
    events TEXT,
    links TEXT,
    scope TEXT NOT NULL,
    resource_id INTEGER NOT NULL REFERENCES resources (id)
);
INSERT INTO "spans" VALUES(1,'4dcc094c2daa47692da2fa83e27485b0','606ef3cfcfdec2d9',NULL,'left open','span',NULL,NULL,NULL,NULL,'DEFAULT',NULL,1795567926313768913,NULL,0,NULL,NULL,'{}',NULL,NULL,'{"name":"langfuse-sdk.autoops","version":null}',1);
INSERT INTO "spans" VALUES(2,'a34a76d20b187714495a7e44c4755a72','fee27dc28eeca617','ea100896cf6d2d66','pricing.propose','agent','pricing','propose',NULL,NULL,'DEFAULT',NULL,1795567926313741702,1795567926313745177,2,'{"price":2.99}',NULL,'{}',NULL,NULL,'{"name":"langfuse-sdk.autoops","version":null}',1);
INSERT INTO "spans" VALUES(3,'a34a76d20b187714495a7e44c4755a72','ea100896cf6d2d66',NULL,'demand_spike','span',NULL,NULL,NULL,NULL,'DEFAULT',NULL,1795567926313690756,1795567926313722784,2,'{"type":"demand_spike","product_id":"PROD_123"}',NULL,'{"langfuse.observation.metadata.reason":"an old file"}',NULL,NULL,'{"name":"langfuse-sdk.autoops","version":null}',1);
CREATE TABLE traces (
    trace_id TEXT PRIMARY KEY,
    root_span_id TEXT,
    name TEXT,
    session_id TEXT,
    user_id TEXT,
    tags TEXT,
    version TEXT,
    public INTEGER,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER,
    sampled INTEGER NOT NULL,
    sample_rate REAL NOT NULL,
    span_count INTEGER NOT NULL DEFAULT 0,
    error_count INTEGER NOT NULL DEFAULT 0,
    warning_count INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO "traces" VALUES('4dcc094c2daa47692da2fa83e27485b0','606ef3cfcfdec2d9','left open',NULL,NULL,NULL,NULL,NULL,1795567926313768913,0,1,1.0,1,0,0);
INSERT INTO "traces" VALUES('a34a76d20b187714495a7e44c4755a72','ea100896cf6d2d66','demand_spike','run-1','store-17','["v1"]',NULL,NULL,1795567926313690756,1795567926313745177,1,1.0,2,0,0);
CREATE INDEX traces_by_start ON traces (start_ns);
CREATE INDEX traces_by_session ON traces (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX traces_by_user ON traces (user_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX spans_by_id ON spans (trace_id, span_id);
CREATE INDEX spans_unfinished ON spans (span_id) WHERE state < 2;
CREATE INDEX scores_by_trace ON scores (trace_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('processes',1);
INSERT INTO "sqlite_sequence" VALUES('spans',3);
INSERT INTO "sqlite_sequence" VALUES('scores',1);
COMMIT;
