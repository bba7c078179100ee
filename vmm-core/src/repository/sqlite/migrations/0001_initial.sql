-- Times are microseconds since 1970-01-01 UTC. `revision` counts the changes that people made to a row. AUTOINCREMENT, because an id that stood in an audit row or in a
-- message must never mean another thing later.

-- `machines_secret` is sealed with the master key, as the passwords in `script` are.
CREATE TABLE desk (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id TEXT NOT NULL CHECK (length(id) = 36),
    machines_secret BLOB
) STRICT;

CREATE TABLE user (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL COLLATE NOCASE,
    password TEXT NOT NULL,
    chat_id INTEGER,
    role TEXT NOT NULL CHECK (role IN ('user', 'admin')),
    disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    second_factor INTEGER NOT NULL DEFAULT 0 CHECK (second_factor IN (0, 1)),
    revision INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX user_name ON user (name);
CREATE UNIQUE INDEX user_chat_id ON user (chat_id) WHERE chat_id IS NOT NULL;

CREATE TABLE session (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    token_hash BLOB NOT NULL CHECK (length(token_hash) = 32),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    second_factor_at INTEGER
) STRICT;
CREATE UNIQUE INDEX session_token_hash ON session (token_hash);
CREATE INDEX session_user ON session (user);

CREATE TABLE file (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    content TEXT NOT NULL CHECK (length(content) = 36),
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    changed_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX file_user_name ON file (user, name);
CREATE UNIQUE INDEX file_content ON file (content);

CREATE TABLE token (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;
CREATE UNIQUE INDEX token_hash ON token (hash);
CREATE UNIQUE INDEX token_user_name ON token (user, name);

-- The newest code that binds a chat to an account.
CREATE TABLE link_code (
    user INTEGER PRIMARY KEY REFERENCES user (id) ON DELETE CASCADE,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    expires_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX link_code_hash ON link_code (hash);

-- `secret` is sealed with the master key. It counts from `confirmed_at` on; no code of `last_step` or before counts again.
CREATE TABLE second_factor (
    user INTEGER PRIMARY KEY REFERENCES user (id) ON DELETE CASCADE,
    secret BLOB NOT NULL,
    confirmed_at INTEGER,
    last_step INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE recovery_code (
    user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (user, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE os (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    iso TEXT,
    qcow2 TEXT,
    description TEXT NOT NULL,
    login TEXT NOT NULL,
    image_volume TEXT,
    image_sha256 TEXT CHECK (length(image_sha256) = 64),
    image_virtual_size INTEGER CHECK (image_virtual_size >= 0),
    -- What the host said of the volume's last change when it was imported.
    image_stamp TEXT,
    revision INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    CHECK ((image_volume IS NULL) = (image_sha256 IS NULL)),
    CHECK ((image_volume IS NULL) = (image_virtual_size IS NULL))
) STRICT;
CREATE UNIQUE INDEX os_name_version ON os (name, version);

-- Volumes of entries that were removed, until the pool does not have them any more.
CREATE TABLE removed_image (
    volume TEXT NOT NULL PRIMARY KEY
) STRICT;

-- `number` gives the order; `id` is the client's; `changed_by` made the last change of state, NULL is vmm itself. That one is
-- no reference: it is known while the account is there.
CREATE TABLE request (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    requester INTEGER NOT NULL REFERENCES user (id),
    description TEXT NOT NULL,
    spec TEXT NOT NULL,
    pool TEXT NOT NULL,
    -- What the host was and had when the plan was made, for people. It varies by itself and is never compared.
    host TEXT NOT NULL,
    host_vcpus INTEGER NOT NULL,
    host_memory INTEGER NOT NULL,
    host_disk_free INTEGER NOT NULL,
    host_addresses_free INTEGER,
    -- What the table was understood as where that is not what its letters say, for people.
    understood TEXT NOT NULL CHECK (json_valid(understood)),
    plan_hash TEXT NOT NULL CHECK (length(plan_hash) = 64),
    state TEXT NOT NULL
        CHECK (state IN ('pending', 'approved', 'running', 'done', 'failed', 'rejected', 'cancelled')),
    decided_by INTEGER REFERENCES user (id),
    reason TEXT,
    changed_by INTEGER,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX request_id ON request (id);
CREATE INDEX request_requester ON request (requester);
CREATE INDEX request_decided_by ON request (decided_by);
CREATE INDEX request_state ON request (state);

-- What happened to requests, for those who are to hear of it. Written by triggers, so that no change of state is left out,
-- whoever makes it; the newest 10000 are kept.
CREATE TABLE request_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    request INTEGER NOT NULL REFERENCES request (number) ON DELETE CASCADE,
    event TEXT NOT NULL
        CHECK (event IN ('submitted', 'returned', 'approved', 'started', 'done', 'failed', 'rejected', 'cancelled')),
    plan_hash TEXT NOT NULL,
    actor INTEGER,
    reason TEXT,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX request_event_request ON request_event (request);
CREATE TRIGGER request_is_submitted AFTER INSERT ON request
BEGIN
    INSERT INTO request_event (request, event, plan_hash, actor, reason, at)
    VALUES (NEW.number, 'submitted', NEW.plan_hash, NEW.changed_by, NEW.reason, NEW.changed_at);
END;
CREATE TRIGGER request_changes_its_state AFTER UPDATE OF state ON request WHEN NEW.state <> OLD.state
BEGIN
    INSERT INTO request_event (request, event, plan_hash, actor, reason, at)
    VALUES (NEW.number, CASE NEW.state WHEN 'pending' THEN 'returned' WHEN 'running' THEN 'started' ELSE NEW.state END,
            NEW.plan_hash, NEW.changed_by, NEW.reason, NEW.changed_at);
END;
CREATE TRIGGER request_event_is_bounded AFTER INSERT ON request_event
BEGIN
    DELETE FROM request_event WHERE id <= NEW.id - 10000;
END;

-- The plan's machines as they were approved. They outlive the rows of `vm`, so a plan stays readable; hence no
-- reference to the catalog, whose entry may go.
CREATE TABLE request_vm (
    request INTEGER NOT NULL REFERENCES request (number) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    csv_row INTEGER NOT NULL,
    name TEXT NOT NULL,
    hostname TEXT NOT NULL,
    group_name TEXT,
    vcpu INTEGER NOT NULL CHECK (vcpu > 0),
    memory INTEGER NOT NULL CHECK (memory > 0),
    os INTEGER NOT NULL,
    os_name TEXT NOT NULL,
    os_version TEXT NOT NULL,
    image_sha256 TEXT NOT NULL,
    login TEXT NOT NULL,
    ip TEXT,
    uuid TEXT NOT NULL,
    mac TEXT NOT NULL,
    host_key TEXT NOT NULL,
    description TEXT NOT NULL,
    warnings TEXT NOT NULL CHECK (json_valid(warnings)),
    PRIMARY KEY (request, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE request_disk (
    request INTEGER NOT NULL,
    vm INTEGER NOT NULL,
    position INTEGER NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('system', 'data')),
    volume TEXT NOT NULL,
    disk_size INTEGER NOT NULL CHECK (disk_size >= 0),
    PRIMARY KEY (request, vm, position),
    FOREIGN KEY (request, vm) REFERENCES request_vm (request, position) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE vm (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user INTEGER NOT NULL REFERENCES user (id),
    group_name TEXT,
    name TEXT NOT NULL,
    hostname TEXT NOT NULL,
    ip TEXT,
    ip_fixed INTEGER NOT NULL CHECK (ip_fixed IN (0, 1)),
    vcpu INTEGER NOT NULL CHECK (vcpu > 0),
    memory INTEGER NOT NULL CHECK (memory > 0),
    os INTEGER REFERENCES os (id),
    status TEXT NOT NULL CHECK (status IN ('request', 'on', 'off', 'saved', 'paused', 'unknown')),
    status_reason TEXT,
    on_since INTEGER,
    run INTEGER,
    uuid TEXT NOT NULL CHECK (length(uuid) = 36),
    mac TEXT NOT NULL CHECK (length(mac) = 17),
    host_key TEXT NOT NULL,
    login TEXT NOT NULL,
    adopted INTEGER NOT NULL DEFAULT 0 CHECK (adopted IN (0, 1)),
    -- The facts of its definition as vmm last saw it, as JSON.
    definition TEXT,
    request TEXT REFERENCES request (id),
    description TEXT NOT NULL,
    revision INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    CHECK (ip_fixed = 0 OR ip IS NOT NULL),
    CHECK (adopted = 1 OR os IS NOT NULL),
    CHECK ((status_reason IS NOT NULL) = (status IN ('paused', 'unknown')))
) STRICT;
CREATE UNIQUE INDEX vm_name ON vm (name);
CREATE UNIQUE INDEX vm_uuid ON vm (uuid);
CREATE UNIQUE INDEX vm_mac ON vm (mac);
CREATE UNIQUE INDEX vm_fixed_ip ON vm (ip) WHERE ip_fixed = 1;
CREATE INDEX vm_user ON vm (user);
CREATE INDEX vm_group_name ON vm (group_name);
CREATE INDEX vm_os ON vm (os);
CREATE INDEX vm_request ON vm (request);

CREATE TABLE disk (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    vm_id INTEGER NOT NULL REFERENCES vm (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('system', 'data')),
    volume TEXT,
    disk_size INTEGER NOT NULL CHECK (disk_size >= 0),
    grow_to INTEGER CHECK (grow_to > disk_size),
    disk_path TEXT
) STRICT;
CREATE INDEX disk_vm_id ON disk (vm_id);
CREATE UNIQUE INDEX disk_volume ON disk (volume);

-- A look at the host, for the hour of history.
CREATE TABLE look (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL
) STRICT;

-- What a look showed of a machine that ran. In order of looks, so that one is written, and forgotten, as a few pages
-- beside each other. Hence `vm` is no reference: an index for it would cost each look more than all the rest.
CREATE TABLE sample (
    look INTEGER NOT NULL REFERENCES look (id) ON DELETE CASCADE,
    vm INTEGER NOT NULL,
    run INTEGER,
    vcpu INTEGER NOT NULL,
    cpu_time INTEGER NOT NULL,
    memory_used INTEGER,
    memory_resident INTEGER NOT NULL,
    disk_read INTEGER,
    disk_written INTEGER,
    net_received INTEGER,
    net_sent INTEGER,
    PRIMARY KEY (look, vm)
) STRICT, WITHOUT ROWID;

-- `subject` is the id of what the job works on, and `vm` the machine that it changes. No references: the job's log
-- outlives them. The kinds are the program's; what follows for the records from a job's end stands in its row.
CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    subject_kind TEXT NOT NULL CHECK (subject_kind IN ('request', 'vm', 'os', 'disk')),
    subject TEXT NOT NULL,
    vm INTEGER,
    title TEXT NOT NULL,
    request TEXT REFERENCES request (id),
    state TEXT NOT NULL
        CHECK (state IN ('queued', 'running', 'undoing', 'done', 'failed', 'cancelled', 'stuck', 'closed')),
    cancellable INTEGER NOT NULL CHECK (cancellable IN (0, 1)),
    cancel INTEGER NOT NULL DEFAULT 0 CHECK (cancel IN (0, 1)),
    if_done TEXT NOT NULL CHECK (if_done IN ('stays', 'made', 'gone', 'grown')),
    if_undone TEXT NOT NULL CHECK (if_undone IN ('stays', 'made', 'gone', 'grown')),
    error TEXT,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX job_request ON job (request);
CREATE INDEX job_open ON job (id) WHERE state IN ('queued', 'running', 'undoing');
CREATE INDEX job_subject ON job (subject, subject_kind);
-- Two jobs never work on one machine at once.
CREATE UNIQUE INDEX job_open_vm ON job (vm) WHERE state IN ('queued', 'running', 'undoing');

CREATE TABLE job_step (
    job INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'acting', 'done', 'undoing', 'undone')),
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (job, position)
) STRICT, WITHOUT ROWID;

-- The texts of scripts by their hash.
CREATE TABLE script_content (
    sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),
    content TEXT NOT NULL
) STRICT;

-- `id` is chosen before the row is made: the sealed password is bound to it.
CREATE TABLE script (
    id TEXT PRIMARY KEY CHECK (length(id) = 36),
    name TEXT NOT NULL COLLATE NOCASE,
    owner INTEGER NOT NULL REFERENCES user (id),
    file TEXT NOT NULL,
    command TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    sha256 TEXT NOT NULL REFERENCES script_content (sha256),
    vm TEXT NOT NULL CHECK (json_valid(vm)),
    user TEXT,
    password BLOB,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    CHECK ((user IS NULL) = (password IS NULL))
) STRICT;
CREATE UNIQUE INDEX script_name ON script (name);
CREATE INDEX script_owner ON script (owner);
CREATE INDEX script_sha256 ON script (sha256);

-- What runs of a script, as it was at a time; the newest one is what `script` has.
CREATE TABLE script_version (
    script TEXT NOT NULL REFERENCES script (id) ON DELETE CASCADE,
    number INTEGER NOT NULL CHECK (number > 0),
    file TEXT NOT NULL,
    command TEXT NOT NULL,
    sha256 TEXT NOT NULL REFERENCES script_content (sha256),
    changed_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (script, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX script_version_sha256 ON script_version (sha256);

-- A group in which people may do what they may do in private, since an admin has said so.
CREATE TABLE bot_group (
    bot INTEGER NOT NULL,
    chat INTEGER NOT NULL,
    title TEXT NOT NULL,
    allowed_by TEXT NOT NULL,
    allowed_at INTEGER NOT NULL,
    PRIMARY KEY (bot, chat)
) STRICT, WITHOUT ROWID;

-- What the chat service was last told of a chat's own menu, or NULL while that is not known.
CREATE TABLE bot_menu (
    bot INTEGER NOT NULL,
    chat INTEGER NOT NULL,
    content TEXT,
    PRIMARY KEY (bot, chat)
) STRICT, WITHOUT ROWID;

-- `user` is no reference: the record outlives the account. Past `alive_until` nobody is doing the run any more.
CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    script TEXT REFERENCES script (id) ON DELETE SET NULL,
    script_name TEXT NOT NULL COLLATE NOCASE,
    file TEXT NOT NULL,
    command TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    sha256 TEXT NOT NULL REFERENCES script_content (sha256),
    arguments TEXT NOT NULL CHECK (json_valid(arguments)),
    user INTEGER,
    user_name TEXT NOT NULL,
    login TEXT NOT NULL,
    timeout INTEGER NOT NULL CHECK (timeout > 0),
    at_once INTEGER NOT NULL CHECK (at_once > 0),
    rerun_of INTEGER,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'unknown', 'interrupted', 'cancelled')),
    cancel INTEGER NOT NULL DEFAULT 0 CHECK (cancel IN (0, 1)),
    alive_until INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX run_script ON run (script);
CREATE INDEX run_script_name ON run (script_name);
CREATE INDEX run_sha256 ON run (sha256);
CREATE INDEX run_open ON run (alive_until) WHERE state IN ('queued', 'running');

-- `vm` is no reference: the record outlives the machine.
CREATE TABLE run_vm (
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    vm INTEGER NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'unknown', 'interrupted', 'cancelled')),
    exit_code INTEGER,
    signal TEXT,
    stdout BLOB,
    stdout_total INTEGER,
    stderr BLOB,
    stderr_total INTEGER,
    duration INTEGER,
    error TEXT,
    PRIMARY KEY (run, position)
) STRICT;
CREATE INDEX run_vm_state ON run_vm (run, state);

-- `next_at` is NULL when it will not fire any more, or is disabled.
CREATE TABLE schedule (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    script TEXT NOT NULL REFERENCES script (id) ON DELETE CASCADE,
    made_by INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    at INTEGER,
    cron TEXT,
    time_zone TEXT,
    vm TEXT CHECK (json_valid(vm)),
    arguments TEXT NOT NULL CHECK (json_valid(arguments)),
    timeout INTEGER CHECK (timeout > 0),
    at_once INTEGER CHECK (at_once > 0),
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    next_at INTEGER,
    created_at INTEGER NOT NULL,
    CHECK ((at IS NULL) <> (cron IS NULL)),
    CHECK ((cron IS NULL) = (time_zone IS NULL)),
    CHECK (enabled = 1 OR next_at IS NULL)
) STRICT;
CREATE INDEX schedule_script ON schedule (script);
CREATE INDEX schedule_made_by ON schedule (made_by);
CREATE INDEX schedule_next_at ON schedule (next_at) WHERE next_at IS NOT NULL;

-- What became of the moments of schedules. A row of missed ones stands for `times` of them, up to `last_due_at`.
CREATE TABLE firing (
    schedule INTEGER NOT NULL REFERENCES schedule (id) ON DELETE CASCADE,
    due_at INTEGER NOT NULL,
    last_due_at INTEGER NOT NULL,
    times INTEGER NOT NULL CHECK (times > 0),
    state TEXT NOT NULL CHECK (state IN ('fired', 'missed', 'failed')),
    run INTEGER REFERENCES run (id) ON DELETE SET NULL,
    reason TEXT,
    PRIMARY KEY (schedule, due_at),
    CHECK (last_due_at >= due_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX firing_run ON firing (run);

CREATE TABLE worker_lease (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    owner TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

-- A claim is held until `held_until`; without that the call was made, and without a `status` its answer was not kept.
CREATE TABLE idempotency_key (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    held_until INTEGER,
    kept_until INTEGER NOT NULL,
    status INTEGER,
    media_type TEXT,
    body BLOB,
    -- What the policy is asked again before the answer is given again, as JSON.
    rights TEXT CHECK (json_valid(rights)),
    CHECK ((status IS NULL) = (body IS NULL)),
    CHECK (held_until IS NULL OR status IS NULL)
) STRICT;
CREATE UNIQUE INDEX idempotency_key_key ON idempotency_key (user, key);
CREATE INDEX idempotency_key_kept_until ON idempotency_key (kept_until);
CREATE INDEX idempotency_key_held_until ON idempotency_key (held_until) WHERE held_until IS NOT NULL;

-- A chat bot by its id in the chat service; `offset` is the number of the next update to ask for, `request_event` the last one
-- that it has told of, or NULL while it tells of none.
CREATE TABLE bot (
    id INTEGER PRIMARY KEY,
    offset INTEGER,
    request_event INTEGER
) STRICT;

-- One that is done has no content any more, and is kept for a while to know it when it comes again.
CREATE TABLE bot_update (
    bot INTEGER NOT NULL REFERENCES bot (id),
    id INTEGER NOT NULL,
    chat INTEGER,
    content TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'begun', 'done')),
    PRIMARY KEY (bot, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX bot_update_open ON bot_update (bot, id) WHERE state <> 'done';

-- `changes` is the message that it takes the place of; `live` the name of one.
CREATE TABLE bot_post (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bot INTEGER NOT NULL,
    chat INTEGER NOT NULL,
    content TEXT NOT NULL,
    changes INTEGER,
    live TEXT,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX bot_post_live ON bot_post (bot, chat, live, id) WHERE live IS NOT NULL;

CREATE TABLE bot_attachment (
    post INTEGER PRIMARY KEY REFERENCES bot_post (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    content BLOB NOT NULL
) STRICT;

-- Which message has which name. It is forgotten when nothing has changed it for long.
CREATE TABLE bot_live (
    bot INTEGER NOT NULL,
    chat INTEGER NOT NULL,
    name TEXT NOT NULL,
    message INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (bot, chat, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX bot_live_changed_at ON bot_live (changed_at);

-- What a person is asked; one thing at a time in a chat.
CREATE TABLE bot_question (
    bot INTEGER NOT NULL,
    chat INTEGER NOT NULL,
    person INTEGER NOT NULL,
    content TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (bot, chat, person)
) STRICT, WITHOUT ROWID;

-- `post` is no reference: the button outlives what it was sent with.
CREATE TABLE bot_button (
    id TEXT PRIMARY KEY,
    bot INTEGER NOT NULL,
    chat INTEGER NOT NULL,
    post INTEGER NOT NULL,
    message INTEGER,
    live TEXT,
    user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    content TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX bot_button_post ON bot_button (post);
CREATE INDEX bot_button_message ON bot_button (bot, chat, message);
CREATE INDEX bot_button_expires_at ON bot_button (expires_at);
CREATE INDEX bot_button_live ON bot_button (bot, chat, live) WHERE live IS NOT NULL;
CREATE INDEX bot_button_user ON bot_button (user);

-- The newest audit row, sealed with the key of the chain: rows that are missing at the end are missed.
CREATE TABLE audit_head (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    rows INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    seal BLOB NOT NULL CHECK (length(seal) = 32)
) STRICT;

-- `user` is no reference: the record outlives the account.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    user INTEGER,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('started', 'done', 'failed', 'denied')),
    detail TEXT NOT NULL,
    finishes INTEGER REFERENCES audit (id),
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX audit_user ON audit (user);
CREATE INDEX audit_action ON audit (action);
CREATE INDEX audit_target ON audit (target);
CREATE INDEX audit_finishes ON audit (finishes);
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit rows are only ever added');
END;
CREATE TRIGGER audit_is_never_removed BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit rows are only ever added');
END;
