CREATE TABLE account (
    person VARCHAR(32) NOT NULL,
    password_hash VARCHAR(256) NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    must_change BOOLEAN NOT NULL,
    CONSTRAINT pk_account PRIMARY KEY (person)
);

CREATE TABLE alert (
    id BIGSERIAL NOT NULL,
    kind VARCHAR(32) NOT NULL,
    subject VARCHAR(200) NOT NULL,
    site VARCHAR(66) NOT NULL,
    statement VARCHAR(66),
    facts JSON NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    closed_by VARCHAR(32),
    closing VARCHAR,
    CONSTRAINT pk_alert PRIMARY KEY (id),
    CONSTRAINT uq_alert_subject UNIQUE (subject)
);

CREATE INDEX ix_alert_open ON alert (kind, closed_at);

CREATE INDEX ix_alert_site ON alert (site);

CREATE TABLE answer (
    organisation VARCHAR(32) NOT NULL,
    principal VARCHAR(64) NOT NULL,
    key VARCHAR(128) NOT NULL,
    operation VARCHAR(300) NOT NULL,
    body_hash VARCHAR(64) NOT NULL,
    status INTEGER NOT NULL,
    body VARCHAR NOT NULL,
    answered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_answer PRIMARY KEY (organisation, principal, key)
);

CREATE TABLE api_key (
    id VARCHAR(32) NOT NULL,
    token_hash VARCHAR(64) NOT NULL,
    organisation VARCHAR(32) NOT NULL,
    permissions JSON NOT NULL,
    made_by VARCHAR(32) NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_api_key PRIMARY KEY (id),
    CONSTRAINT uq_api_key_token_hash UNIQUE (token_hash)
);

CREATE INDEX ix_api_key_organisation ON api_key (organisation);

CREATE TABLE beacon (
    number BIGSERIAL NOT NULL,
    hash VARCHAR(66) NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_beacon PRIMARY KEY (number)
);

CREATE TABLE declared_gap (
    device VARCHAR(66) NOT NULL,
    last_seq BIGINT NOT NULL,
    first_seq BIGINT NOT NULL,
    reason VARCHAR NOT NULL,
    declared_by VARCHAR(32) NOT NULL,
    declared_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_declared_gap PRIMARY KEY (device, last_seq)
);

CREATE TABLE device (
    device VARCHAR(66) NOT NULL,
    site VARCHAR(66) NOT NULL,
    host VARCHAR(66) NOT NULL,
    commissioner VARCHAR(66) NOT NULL,
    calibrated_until TIMESTAMP WITH TIME ZONE NOT NULL,
    enrolled_at_block BIGINT NOT NULL,
    CONSTRAINT pk_device PRIMARY KEY (device)
);

CREATE INDEX ix_device_site ON device (site);

CREATE TABLE device_key (
    device VARCHAR(66) NOT NULL,
    epoch INTEGER NOT NULL,
    address VARCHAR(42) NOT NULL,
    enrolled_at_block BIGINT NOT NULL,
    retired_at_block BIGINT,
    revoked_at_block BIGINT,
    CONSTRAINT pk_device_key PRIMARY KEY (device, epoch),
    CONSTRAINT uq_device_key_address UNIQUE (address)
);

CREATE TABLE finding (
    key VARCHAR(200) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    site VARCHAR(66) NOT NULL,
    device VARCHAR(66),
    facts JSON NOT NULL,
    proof BYTEA,
    found_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_finding PRIMARY KEY (key)
);

CREATE INDEX ix_finding_device ON finding (device);

CREATE INDEX ix_finding_kind ON finding (kind);

CREATE TABLE gate_exit (
    crossing VARCHAR(66) NOT NULL,
    site VARCHAR(66) NOT NULL,
    gate VARCHAR(32) NOT NULL,
    state VARCHAR(16) NOT NULL,
    taken_at TIMESTAMP WITH TIME ZONE NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    order_id BIGINT,
    departure VARCHAR(66),
    piece VARCHAR(66),
    mass_kg BIGINT,
    CONSTRAINT pk_gate_exit PRIMARY KEY (crossing),
    CONSTRAINT uq_gate_exit_departure UNIQUE (departure)
);

CREATE INDEX ix_gate_exit_due ON gate_exit (state, due_at);

CREATE INDEX ix_gate_exit_order_id ON gate_exit (order_id);

CREATE TABLE head (
    site VARCHAR(66) NOT NULL,
    epoch BIGINT NOT NULL,
    size BIGINT NOT NULL,
    root VARCHAR(66) NOT NULL,
    anchored_at_block BIGINT NOT NULL,
    anchored_at TIMESTAMP WITH TIME ZONE NOT NULL,
    verdict VARCHAR(32) NOT NULL,
    witnessed_at_block BIGINT,
    CONSTRAINT pk_head PRIMARY KEY (site, epoch, size)
);

CREATE INDEX ix_head_verdict ON head (verdict);

CREATE TABLE kept_document (
    sha256 VARCHAR(64) NOT NULL,
    organisation VARCHAR(32) NOT NULL,
    media_type VARCHAR(80) NOT NULL,
    size INTEGER NOT NULL,
    kept_by VARCHAR(64) NOT NULL,
    kept_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_kept_document PRIMARY KEY (sha256, organisation)
);

CREATE FUNCTION kept_document_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'kept_document is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$;

CREATE TRIGGER kept_document_append_only BEFORE UPDATE OR DELETE ON kept_document FOR EACH ROW EXECUTE FUNCTION kept_document_append_only();

CREATE TRIGGER kept_document_no_truncate BEFORE TRUNCATE ON kept_document EXECUTE FUNCTION kept_document_append_only();

CREATE TABLE ledger_act (
    id SERIAL NOT NULL,
    key VARCHAR(160) NOT NULL,
    signer VARCHAR(32) NOT NULL,
    contract VARCHAR(32) NOT NULL,
    function VARCHAR(48) NOT NULL,
    calldata BYTEA NOT NULL,
    state VARCHAR(16) NOT NULL,
    tx_hash VARCHAR(66),
    block_number BIGINT,
    refusal VARCHAR(64),
    refusal_facts JSON,
    CONSTRAINT pk_ledger_act PRIMARY KEY (id),
    CONSTRAINT uq_ledger_act_key UNIQUE (key)
);

CREATE INDEX ix_ledger_act_state ON ledger_act (state);

CREATE TABLE ledger_block (
    number BIGSERIAL NOT NULL,
    hash VARCHAR(66) NOT NULL,
    time TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_ledger_block PRIMARY KEY (number),
    CONSTRAINT uq_ledger_block_hash UNIQUE (hash)
);

CREATE TABLE ledger_cursor (
    id INTEGER NOT NULL,
    seen BIGINT NOT NULL,
    projected BIGINT NOT NULL,
    CONSTRAINT pk_ledger_cursor PRIMARY KEY (id),
    CONSTRAINT ck_ledger_cursor_one_row CHECK (id = 1),
    CONSTRAINT ck_ledger_cursor_order CHECK (projected <= seen)
);

CREATE TABLE ledger_log (
    block_hash VARCHAR(66) NOT NULL,
    log_index INTEGER NOT NULL,
    block_number BIGINT NOT NULL,
    address VARCHAR(42) NOT NULL,
    tx_hash VARCHAR(66) NOT NULL,
    topics JSON NOT NULL,
    data BYTEA NOT NULL,
    CONSTRAINT pk_ledger_log PRIMARY KEY (block_hash, log_index)
);

CREATE INDEX ix_ledger_log_block_number ON ledger_log (block_number);

CREATE TABLE log_node (
    site VARCHAR(66) NOT NULL,
    epoch BIGINT NOT NULL,
    height INTEGER NOT NULL,
    position BIGINT NOT NULL,
    hash VARCHAR(66) NOT NULL,
    CONSTRAINT pk_log_node PRIMARY KEY (site, epoch, height, position)
);

CREATE TABLE notice (
    id BIGSERIAL NOT NULL,
    kind VARCHAR(32) NOT NULL,
    organisation VARCHAR(66),
    subject VARCHAR(200) NOT NULL,
    facts JSON NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_notice PRIMARY KEY (id)
);

CREATE INDEX ix_notice_organisation ON notice (organisation, id);

CREATE FUNCTION notice_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'notice is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$;

CREATE TRIGGER notice_append_only BEFORE UPDATE OR DELETE ON notice FOR EACH ROW EXECUTE FUNCTION notice_append_only();

CREATE TRIGGER notice_no_truncate BEFORE TRUNCATE ON notice EXECUTE FUNCTION notice_append_only();

CREATE TABLE organisation (
    id VARCHAR(32) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    active BOOLEAN NOT NULL,
    CONSTRAINT pk_organisation PRIMARY KEY (id)
);

CREATE UNIQUE INDEX uq_organisation_bank ON organisation (kind) WHERE kind = 'bank';

CREATE TABLE party (
    party VARCHAR(66) NOT NULL,
    account VARCHAR(42) NOT NULL,
    capacities INTEGER NOT NULL,
    identity VARCHAR(66) NOT NULL,
    enrolled_at_block BIGINT NOT NULL,
    CONSTRAINT pk_party PRIMARY KEY (party),
    CONSTRAINT uq_party_account UNIQUE (account)
);

CREATE TABLE party_name (
    party VARCHAR(66) NOT NULL,
    name VARCHAR(32) NOT NULL,
    legal_name VARCHAR NOT NULL,
    address VARCHAR NOT NULL,
    registration VARCHAR NOT NULL,
    salt VARCHAR NOT NULL,
    CONSTRAINT pk_party_name PRIMARY KEY (party),
    CONSTRAINT uq_party_name_name UNIQUE (name)
);

CREATE TABLE person (
    id VARCHAR(32) NOT NULL,
    organisation VARCHAR(32) NOT NULL,
    roles JSON NOT NULL,
    signer VARCHAR(32) NOT NULL,
    active BOOLEAN NOT NULL,
    CONSTRAINT pk_person PRIMARY KEY (id),
    CONSTRAINT uq_person_signer UNIQUE (signer)
);

CREATE TABLE pledge (
    id BIGINT NOT NULL,
    pledgor VARCHAR(66) NOT NULL,
    pledgee VARCHAR(66) NOT NULL,
    terms VARCHAR(66) NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    endorsed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    attorned_at TIMESTAMP WITH TIME ZONE,
    registered_at TIMESTAMP WITH TIME ZONE,
    effective_at TIMESTAMP WITH TIME ZONE,
    withdrawn_at TIMESTAMP WITH TIME ZONE,
    lapsed_at TIMESTAMP WITH TIME ZONE,
    closed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_pledge PRIMARY KEY (id)
);

CREATE INDEX ix_pledge_pledgee ON pledge (pledgee);

CREATE INDEX ix_pledge_pledgor ON pledge (pledgor);

CREATE TABLE price_observation (
    id VARCHAR(66) NOT NULL,
    source VARCHAR(32) NOT NULL,
    commodity VARCHAR(32) NOT NULL,
    grade VARCHAR(32) NOT NULL,
    currency VARCHAR(3) NOT NULL,
    amount_minor BIGINT NOT NULL,
    per_kg INTEGER NOT NULL,
    priced_at TIMESTAMP WITH TIME ZONE NOT NULL,
    valid_until TIMESTAMP WITH TIME ZONE NOT NULL,
    signature BYTEA NOT NULL,
    public_key VARCHAR(66) NOT NULL,
    taken_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_price_observation PRIMARY KEY (id),
    CONSTRAINT uq_price_observation_source_commodity_grade_priced_at UNIQUE (source, commodity, grade, priced_at),
    CONSTRAINT ck_price_observation_amount_positive CHECK (amount_minor > 0),
    CONSTRAINT ck_price_observation_per_kg_positive CHECK (per_kg > 0)
);

CREATE INDEX ix_price_observation_goods ON price_observation (commodity, grade, currency, priced_at);

CREATE FUNCTION price_observation_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'price_observation is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$;

CREATE TRIGGER price_observation_append_only BEFORE UPDATE OR DELETE ON price_observation FOR EACH ROW EXECUTE FUNCTION price_observation_append_only();

CREATE TRIGGER price_observation_no_truncate BEFORE TRUNCATE ON price_observation EXECUTE FUNCTION price_observation_append_only();

CREATE TABLE price_source (
    name VARCHAR(32) NOT NULL,
    public_key VARCHAR(66) NOT NULL,
    enrolled_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_price_source PRIMARY KEY (name, public_key)
);

CREATE UNIQUE INDEX uq_price_source_live ON price_source (name) WHERE revoked_at IS NULL;

CREATE TABLE product (
    name VARCHAR(32) NOT NULL,
    version BIGINT NOT NULL,
    terms JSON NOT NULL,
    stored_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_product PRIMARY KEY (name, version)
);

CREATE FUNCTION product_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'product is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$;

CREATE TRIGGER product_append_only BEFORE UPDATE OR DELETE ON product FOR EACH ROW EXECUTE FUNCTION product_append_only();

CREATE TRIGGER product_no_truncate BEFORE TRUNCATE ON product EXECUTE FUNCTION product_append_only();

CREATE TABLE quarantine (
    sha256 VARCHAR(66) NOT NULL,
    topic VARCHAR NOT NULL,
    payload BYTEA NOT NULL,
    code VARCHAR(64) NOT NULL,
    facts JSON NOT NULL,
    first_at TIMESTAMP WITH TIME ZONE NOT NULL,
    times INTEGER NOT NULL,
    CONSTRAINT pk_quarantine PRIMARY KEY (sha256)
);

CREATE TABLE receipt (
    id BIGINT NOT NULL,
    request_id BIGINT NOT NULL,
    holder VARCHAR(66) NOT NULL,
    operator VARCHAR(66) NOT NULL,
    site VARCHAR(66) NOT NULL,
    bay VARCHAR(66) NOT NULL,
    commodity VARCHAR(66) NOT NULL,
    grade VARCHAR(66) NOT NULL,
    mass_kg BIGINT NOT NULL,
    remaining_kg BIGINT NOT NULL,
    document VARCHAR(66) NOT NULL,
    state VARCHAR(16) NOT NULL,
    issued_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_receipt PRIMARY KEY (id),
    CONSTRAINT uq_receipt_request_id UNIQUE (request_id)
);

CREATE INDEX ix_receipt_holder ON receipt (holder);

CREATE INDEX ix_receipt_site ON receipt (site);

CREATE TABLE receipt_document (
    hash VARCHAR(66) NOT NULL,
    profile VARCHAR(16) NOT NULL,
    canonical BYTEA NOT NULL,
    kept_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_receipt_document PRIMARY KEY (hash)
);

CREATE TABLE receipt_request (
    id BIGINT NOT NULL,
    depositor VARCHAR(66) NOT NULL,
    site VARCHAR(66) NOT NULL,
    bay VARCHAR(66) NOT NULL,
    commodity VARCHAR(66) NOT NULL,
    grade VARCHAR(66) NOT NULL,
    mass_kg BIGINT NOT NULL,
    fingerprints JSON NOT NULL,
    document VARCHAR(66) NOT NULL,
    representations VARCHAR(66) NOT NULL,
    state VARCHAR(16) NOT NULL,
    requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_receipt_request PRIMARY KEY (id)
);

CREATE TABLE reconciliation (
    id SERIAL NOT NULL,
    restored_at TIMESTAMP WITH TIME ZONE NOT NULL,
    height BIGINT,
    block_number BIGINT,
    block_hash VARCHAR(66),
    lifted_at TIMESTAMP WITH TIME ZONE,
    report_hash VARCHAR(66),
    by JSON NOT NULL,
    CONSTRAINT pk_reconciliation PRIMARY KEY (id)
);

CREATE TABLE reconciliation_report (
    hash VARCHAR(66) NOT NULL,
    report VARCHAR NOT NULL,
    by JSON NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_reconciliation_report PRIMARY KEY (hash)
);

CREATE FUNCTION reconciliation_report_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'reconciliation_report is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$;

CREATE TRIGGER reconciliation_report_append_only BEFORE UPDATE OR DELETE ON reconciliation_report FOR EACH ROW EXECUTE FUNCTION reconciliation_report_append_only();

CREATE TRIGGER reconciliation_report_no_truncate BEFORE TRUNCATE ON reconciliation_report EXECUTE FUNCTION reconciliation_report_append_only();

CREATE TABLE registry_person (
    address VARCHAR(42) NOT NULL,
    party VARCHAR(66) NOT NULL,
    enrolled_at_block BIGINT NOT NULL,
    CONSTRAINT pk_registry_person PRIMARY KEY (address)
);

CREATE INDEX ix_registry_person_party ON registry_person (party);

CREATE TABLE sign_in (
    token_hash VARCHAR(64) NOT NULL,
    person VARCHAR(32) NOT NULL,
    began_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    seen_at TIMESTAMP WITH TIME ZONE,
    restricted BOOLEAN NOT NULL,
    CONSTRAINT pk_sign_in PRIMARY KEY (token_hash)
);

CREATE INDEX ix_sign_in_person ON sign_in (person);

CREATE TABLE sign_in_try (
    name_hash VARCHAR(64) NOT NULL,
    tries INTEGER NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    again_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_sign_in_try PRIMARY KEY (name_hash)
);

CREATE TABLE site (
    site VARCHAR(66) NOT NULL,
    operator VARCHAR(66) NOT NULL,
    bridge VARCHAR(42) NOT NULL,
    licence VARCHAR(66) NOT NULL,
    licensed_until TIMESTAMP WITH TIME ZONE NOT NULL,
    max_age_blocks BIGINT NOT NULL,
    enrolled_at_block BIGINT NOT NULL,
    CONSTRAINT pk_site PRIMARY KEY (site)
);

CREATE TABLE site_log (
    site VARCHAR(66) NOT NULL,
    epoch BIGINT NOT NULL,
    genesis VARCHAR(66) NOT NULL,
    size BIGINT NOT NULL,
    CONSTRAINT pk_site_log PRIMARY KEY (site, epoch)
);

CREATE TABLE spent_statement (
    id VARCHAR(66) NOT NULL,
    block_number BIGINT NOT NULL,
    CONSTRAINT pk_spent_statement PRIMARY KEY (id)
);

CREATE TABLE statement (
    id VARCHAR(66) NOT NULL,
    site VARCHAR(66) NOT NULL,
    device VARCHAR(66) NOT NULL,
    key_epoch INTEGER NOT NULL,
    seq BIGINT NOT NULL,
    prev VARCHAR(66) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    subject VARCHAR(66) NOT NULL,
    quantity BIGINT NOT NULL,
    seen_at_ms BIGINT NOT NULL,
    beacon_block BIGINT NOT NULL,
    beacon_hash VARCHAR(66) NOT NULL,
    log_epoch BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    entry BYTEA NOT NULL,
    leaf VARCHAR(66) NOT NULL,
    body TEXT NOT NULL,
    linked BOOLEAN NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_statement PRIMARY KEY (id),
    CONSTRAINT uq_statement_device_seq UNIQUE (device, seq),
    CONSTRAINT uq_statement_site_log_epoch_log_index UNIQUE (site, log_epoch, log_index)
);

CREATE INDEX ix_statement_held ON statement (device, seq) WHERE NOT linked;

CREATE INDEX ix_statement_subject ON statement (site, kind, subject);

CREATE TABLE suspension (
    subject_kind VARCHAR(8) NOT NULL,
    subject VARCHAR(66) NOT NULL,
    block_number BIGINT NOT NULL,
    log_index INTEGER NOT NULL,
    suspended BOOLEAN NOT NULL,
    CONSTRAINT pk_suspension PRIMARY KEY (subject_kind, subject, block_number, log_index)
);

CREATE TABLE turn (
    none INTEGER NOT NULL,
    CONSTRAINT pk_turn PRIMARY KEY (none)
);

CREATE TABLE waiting_act (
    id SERIAL NOT NULL,
    organisation VARCHAR(32) NOT NULL,
    act VARCHAR(64) NOT NULL,
    subject VARCHAR(128) NOT NULL,
    content JSON NOT NULL,
    first VARCHAR(32) NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    second VARCHAR(32),
    ended_at TIMESTAMP WITH TIME ZONE,
    ended_as VARCHAR(16),
    CONSTRAINT pk_waiting_act PRIMARY KEY (id)
);

CREATE UNIQUE INDEX uq_waiting_act_open ON waiting_act (organisation, act, subject) WHERE ended_at IS NULL;

CREATE TABLE webhook_endpoint (
    id VARCHAR(40) NOT NULL,
    organisation VARCHAR(66) NOT NULL,
    sees_all BOOLEAN NOT NULL,
    url VARCHAR(500) NOT NULL,
    sealed_secret BYTEA,
    kinds JSON NOT NULL,
    active BOOLEAN NOT NULL,
    enrolled_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_webhook_endpoint PRIMARY KEY (id)
);

CREATE INDEX ix_webhook_endpoint_organisation ON webhook_endpoint (organisation);

CREATE TABLE worker_beat (
    id INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    is_listening BOOLEAN NOT NULL,
    CONSTRAINT pk_worker_beat PRIMARY KEY (id)
);

CREATE TABLE alert_decision (
    id BIGSERIAL NOT NULL,
    alert_id BIGINT NOT NULL,
    decision VARCHAR(16) NOT NULL,
    reason VARCHAR NOT NULL,
    by VARCHAR(32) NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_alert_decision PRIMARY KEY (id),
    CONSTRAINT fk_alert_decision_alert_id_alert FOREIGN KEY(alert_id) REFERENCES alert (id)
);

CREATE INDEX ix_alert_decision_alert_id ON alert_decision (alert_id);

CREATE FUNCTION alert_decision_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'alert_decision is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$;

CREATE TRIGGER alert_decision_append_only BEFORE UPDATE OR DELETE ON alert_decision FOR EACH ROW EXECUTE FUNCTION alert_decision_append_only();

CREATE TRIGGER alert_decision_no_truncate BEFORE TRUNCATE ON alert_decision EXECUTE FUNCTION alert_decision_append_only();

CREATE TABLE loan (
    id VARCHAR(40) NOT NULL,
    borrower VARCHAR(66) NOT NULL,
    product_name VARCHAR(32) NOT NULL,
    product_version BIGINT NOT NULL,
    principal_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    tenor_days INTEGER NOT NULL,
    purpose VARCHAR NOT NULL,
    payee JSON NOT NULL,
    state VARCHAR(16) NOT NULL,
    maker VARCHAR(32),
    terms VARCHAR(66),
    pledge_id BIGINT,
    drawn_on DATE,
    due_on DATE,
    submitted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_loan PRIMARY KEY (id),
    CONSTRAINT ck_loan_principal_positive CHECK (principal_minor > 0),
    CONSTRAINT ck_loan_dates_together CHECK ((drawn_on IS NULL) = (due_on IS NULL)),
    CONSTRAINT fk_loan_product_name_product_version_product FOREIGN KEY(product_name, product_version) REFERENCES product (name, version),
    CONSTRAINT uq_loan_terms UNIQUE (terms),
    CONSTRAINT uq_loan_pledge_id UNIQUE (pledge_id)
);

CREATE INDEX ix_loan_borrower ON loan (borrower);

CREATE INDEX ix_loan_state ON loan (state);

CREATE TABLE notice_delivery (
    id BIGSERIAL NOT NULL,
    notice BIGINT NOT NULL,
    endpoint VARCHAR(40) NOT NULL,
    state VARCHAR(16) NOT NULL,
    attempts INTEGER NOT NULL,
    next_at TIMESTAMP WITH TIME ZONE,
    last_at TIMESTAMP WITH TIME ZONE,
    last_status VARCHAR(64),
    CONSTRAINT pk_notice_delivery PRIMARY KEY (id),
    CONSTRAINT uq_notice_delivery_notice_endpoint UNIQUE (notice, endpoint),
    CONSTRAINT fk_notice_delivery_notice_notice FOREIGN KEY(notice) REFERENCES notice (id),
    CONSTRAINT fk_notice_delivery_endpoint_webhook_endpoint FOREIGN KEY(endpoint) REFERENCES webhook_endpoint (id)
);

CREATE INDEX ix_notice_delivery_due ON notice_delivery (state, next_at);

CREATE INDEX ix_notice_delivery_endpoint ON notice_delivery (endpoint, id);

CREATE TABLE pledged_receipt (
    pledge_id BIGINT NOT NULL,
    receipt_id BIGINT NOT NULL,
    effective BOOLEAN NOT NULL,
    released_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_pledged_receipt PRIMARY KEY (pledge_id, receipt_id),
    CONSTRAINT fk_pledged_receipt_pledge_id_pledge FOREIGN KEY(pledge_id) REFERENCES pledge (id)
);

CREATE UNIQUE INDEX uq_pledged_receipt_effective ON pledged_receipt (receipt_id) WHERE effective AND released_at IS NULL;

CREATE TABLE receipt_piece (
    receipt_id BIGINT NOT NULL,
    fingerprint VARCHAR(66) NOT NULL,
    position INTEGER NOT NULL,
    delivered_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_receipt_piece PRIMARY KEY (receipt_id, fingerprint),
    CONSTRAINT fk_receipt_piece_receipt_id_receipt FOREIGN KEY(receipt_id) REFERENCES receipt (id)
);

CREATE UNIQUE INDEX uq_receipt_piece_live ON receipt_piece (fingerprint) WHERE delivered_at IS NULL;

CREATE TABLE reconciliation_step (
    id BIGSERIAL NOT NULL,
    mark INTEGER NOT NULL,
    kind VARCHAR(32) NOT NULL,
    subject VARCHAR(200) NOT NULL,
    facts JSON NOT NULL,
    CONSTRAINT pk_reconciliation_step PRIMARY KEY (id),
    CONSTRAINT uq_reconciliation_step_mark_kind_subject UNIQUE (mark, kind, subject),
    CONSTRAINT fk_reconciliation_step_mark_reconciliation FOREIGN KEY(mark) REFERENCES reconciliation (id)
);

CREATE FUNCTION reconciliation_step_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'reconciliation_step is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$;

CREATE TRIGGER reconciliation_step_append_only BEFORE UPDATE OR DELETE ON reconciliation_step FOR EACH ROW EXECUTE FUNCTION reconciliation_step_append_only();

CREATE TRIGGER reconciliation_step_no_truncate BEFORE TRUNCATE ON reconciliation_step EXECUTE FUNCTION reconciliation_step_append_only();

CREATE TABLE recorded_loan_event (
    pledge_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    commitment VARCHAR(66) NOT NULL,
    chain VARCHAR(66) NOT NULL,
    block_number BIGINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_recorded_loan_event PRIMARY KEY (pledge_id, number),
    CONSTRAINT fk_recorded_loan_event_pledge_id_pledge FOREIGN KEY(pledge_id) REFERENCES pledge (id)
);

CREATE TABLE release_order (
    id BIGINT NOT NULL,
    receipt_id BIGINT NOT NULL,
    mass_kg BIGINT NOT NULL,
    delivered_kg BIGINT NOT NULL,
    gate VARCHAR(66) NOT NULL,
    opens_at TIMESTAMP WITH TIME ZONE NOT NULL,
    closes_at TIMESTAMP WITH TIME ZONE NOT NULL,
    "to" VARCHAR(66) NOT NULL,
    by VARCHAR(66) NOT NULL,
    ordered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_release_order PRIMARY KEY (id),
    CONSTRAINT fk_release_order_receipt_id_receipt FOREIGN KEY(receipt_id) REFERENCES receipt (id)
);

CREATE INDEX ix_release_order_closes_at ON release_order (closes_at);

CREATE INDEX ix_release_order_receipt_id ON release_order (receipt_id);

CREATE TABLE delivery (
    block_number BIGINT NOT NULL,
    log_index INTEGER NOT NULL,
    receipt_id BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    mass_kg BIGINT NOT NULL,
    fingerprints JSON NOT NULL,
    remaining_kg BIGINT NOT NULL,
    delivered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_delivery PRIMARY KEY (block_number, log_index),
    CONSTRAINT fk_delivery_receipt_id_receipt FOREIGN KEY(receipt_id) REFERENCES receipt (id),
    CONSTRAINT fk_delivery_order_id_release_order FOREIGN KEY(order_id) REFERENCES release_order (id)
);

CREATE INDEX ix_delivery_receipt_id ON delivery (receipt_id);

CREATE TABLE journal_entry (
    loan_id VARCHAR(40) NOT NULL,
    number INTEGER NOT NULL,
    debit VARCHAR(32) NOT NULL,
    credit VARCHAR(32) NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    counts_on DATE NOT NULL,
    cause_kind VARCHAR(16) NOT NULL,
    cause_id VARCHAR(80) NOT NULL,
    booked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    reverses INTEGER,
    previous VARCHAR(66) NOT NULL,
    hash VARCHAR(66) NOT NULL,
    CONSTRAINT pk_journal_entry PRIMARY KEY (loan_id, number),
    CONSTRAINT uq_journal_entry_loan_id_reverses UNIQUE (loan_id, reverses),
    CONSTRAINT uq_journal_entry_loan_id_previous UNIQUE (loan_id, previous),
    CONSTRAINT ck_journal_entry_amount_positive CHECK (amount_minor > 0),
    CONSTRAINT ck_journal_entry_two_accounts CHECK (debit <> credit),
    CONSTRAINT fk_journal_entry_loan_id_loan FOREIGN KEY(loan_id) REFERENCES loan (id)
);

CREATE INDEX ix_journal_entry_credit ON journal_entry (credit);

CREATE INDEX ix_journal_entry_debit ON journal_entry (debit);

CREATE FUNCTION journal_entry_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'journal_entry is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$;

CREATE TRIGGER journal_entry_append_only BEFORE UPDATE OR DELETE ON journal_entry FOR EACH ROW EXECUTE FUNCTION journal_entry_append_only();

CREATE TRIGGER journal_entry_no_truncate BEFORE TRUNCATE ON journal_entry EXECUTE FUNCTION journal_entry_append_only();

CREATE TABLE loan_act (
    loan_id VARCHAR(40) NOT NULL,
    number INTEGER NOT NULL,
    act VARCHAR(32) NOT NULL,
    before VARCHAR(16) NOT NULL,
    after VARCHAR(16) NOT NULL,
    by VARCHAR(66) NOT NULL,
    facts JSON NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_loan_act PRIMARY KEY (loan_id, number),
    CONSTRAINT fk_loan_act_loan_id_loan FOREIGN KEY(loan_id) REFERENCES loan (id)
);

CREATE FUNCTION loan_act_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'loan_act is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$;

CREATE TRIGGER loan_act_append_only BEFORE UPDATE OR DELETE ON loan_act FOR EACH ROW EXECUTE FUNCTION loan_act_append_only();

CREATE TRIGGER loan_act_no_truncate BEFORE TRUNCATE ON loan_act EXECUTE FUNCTION loan_act_append_only();

CREATE TABLE loan_approval (
    loan_id VARCHAR(40) NOT NULL,
    person VARCHAR(32) NOT NULL,
    signer VARCHAR(32) NOT NULL,
    role VARCHAR(32) NOT NULL,
    given_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_loan_approval PRIMARY KEY (loan_id, person),
    CONSTRAINT uq_loan_approval_loan_id_signer UNIQUE (loan_id, signer),
    CONSTRAINT fk_loan_approval_loan_id_loan FOREIGN KEY(loan_id) REFERENCES loan (id)
);

CREATE FUNCTION loan_approval_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'loan_approval is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$;

CREATE TRIGGER loan_approval_append_only BEFORE UPDATE OR DELETE ON loan_approval FOR EACH ROW EXECUTE FUNCTION loan_approval_append_only();

CREATE TRIGGER loan_approval_no_truncate BEFORE TRUNCATE ON loan_approval EXECUTE FUNCTION loan_approval_append_only();

CREATE TABLE loan_document (
    loan_id VARCHAR(40) NOT NULL,
    sha256 VARCHAR(64) NOT NULL,
    CONSTRAINT pk_loan_document PRIMARY KEY (loan_id, sha256),
    CONSTRAINT fk_loan_document_loan_id_loan FOREIGN KEY(loan_id) REFERENCES loan (id)
);

CREATE FUNCTION loan_document_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'loan_document is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$;

CREATE TRIGGER loan_document_append_only BEFORE UPDATE OR DELETE ON loan_document FOR EACH ROW EXECUTE FUNCTION loan_document_append_only();

CREATE TRIGGER loan_document_no_truncate BEFORE TRUNCATE ON loan_document EXECUTE FUNCTION loan_document_append_only();

CREATE TABLE loan_fact (
    loan_id VARCHAR(40) NOT NULL,
    number INTEGER NOT NULL,
    fact_id VARCHAR(80) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    counts_on DATE NOT NULL,
    amount_minor BIGINT NOT NULL,
    paid_to VARCHAR(16),
    undoes VARCHAR(80),
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_loan_fact PRIMARY KEY (loan_id, number),
    CONSTRAINT uq_loan_fact_loan_id_fact_id UNIQUE (loan_id, fact_id),
    CONSTRAINT ck_loan_fact_amount_not_negative CHECK (amount_minor >= 0),
    CONSTRAINT fk_loan_fact_loan_id_loan FOREIGN KEY(loan_id) REFERENCES loan (id)
);

CREATE UNIQUE INDEX uq_loan_fact_reversed_once ON loan_fact (loan_id, undoes) WHERE undoes IS NOT NULL;

CREATE FUNCTION loan_fact_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'loan_fact is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$;

CREATE TRIGGER loan_fact_append_only BEFORE UPDATE OR DELETE ON loan_fact FOR EACH ROW EXECUTE FUNCTION loan_fact_append_only();

CREATE TRIGGER loan_fact_no_truncate BEFORE TRUNCATE ON loan_fact EXECUTE FUNCTION loan_fact_append_only();

CREATE TABLE loan_freeze (
    id SERIAL NOT NULL,
    loan_id VARCHAR(40) NOT NULL,
    reason VARCHAR(64) NOT NULL,
    facts JSON NOT NULL,
    frozen_by VARCHAR(66) NOT NULL,
    frozen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    lifted_by JSON,
    lifted_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_loan_freeze PRIMARY KEY (id),
    CONSTRAINT fk_loan_freeze_loan_id_loan FOREIGN KEY(loan_id) REFERENCES loan (id)
);

CREATE INDEX ix_loan_freeze_loan_id ON loan_freeze (loan_id);

CREATE UNIQUE INDEX uq_loan_freeze_standing ON loan_freeze (loan_id, reason) WHERE lifted_at IS NULL;

CREATE TABLE loan_opening (
    loan_id VARCHAR(40) NOT NULL,
    number INTEGER NOT NULL,
    kind VARCHAR(32) NOT NULL,
    opening BYTEA NOT NULL,
    commitment VARCHAR(66) NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_loan_opening PRIMARY KEY (loan_id, number),
    CONSTRAINT fk_loan_opening_loan_id_loan FOREIGN KEY(loan_id) REFERENCES loan (id),
    CONSTRAINT uq_loan_opening_commitment UNIQUE (commitment)
);

CREATE FUNCTION loan_opening_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'loan_opening is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$;

CREATE TRIGGER loan_opening_append_only BEFORE UPDATE OR DELETE ON loan_opening FOR EACH ROW EXECUTE FUNCTION loan_opening_append_only();

CREATE TRIGGER loan_opening_no_truncate BEFORE TRUNCATE ON loan_opening EXECUTE FUNCTION loan_opening_append_only();

CREATE TABLE loan_receipt (
    loan_id VARCHAR(40) NOT NULL,
    receipt BIGINT NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_loan_receipt PRIMARY KEY (loan_id, receipt),
    CONSTRAINT fk_loan_receipt_loan_id_loan FOREIGN KEY(loan_id) REFERENCES loan (id)
);

CREATE UNIQUE INDEX uq_loan_receipt_live ON loan_receipt (receipt) WHERE ended_at IS NULL;

CREATE TABLE margin_call (
    id SERIAL NOT NULL,
    loan_id VARCHAR(40) NOT NULL,
    opened_on DATE NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    cure_by DATE NOT NULL,
    cash_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    goods JSON NOT NULL,
    noticed_on DATE,
    ended_at TIMESTAMP WITH TIME ZONE,
    ended_as VARCHAR(16),
    CONSTRAINT pk_margin_call PRIMARY KEY (id),
    CONSTRAINT ck_margin_call_cash_positive CHECK (cash_minor > 0),
    CONSTRAINT fk_margin_call_loan_id_loan FOREIGN KEY(loan_id) REFERENCES loan (id)
);

CREATE INDEX ix_margin_call_loan_id ON margin_call (loan_id);

CREATE UNIQUE INDEX uq_margin_call_open ON margin_call (loan_id) WHERE ended_at IS NULL;

CREATE TABLE margin_decision (
    loan_id VARCHAR(40) NOT NULL,
    number INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    unvalued VARCHAR(64),
    facts JSON NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_margin_decision PRIMARY KEY (loan_id, number),
    CONSTRAINT fk_margin_decision_loan_id_loan FOREIGN KEY(loan_id) REFERENCES loan (id)
);

CREATE FUNCTION margin_decision_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'margin_decision is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$;

CREATE TRIGGER margin_decision_append_only BEFORE UPDATE OR DELETE ON margin_decision FOR EACH ROW EXECUTE FUNCTION margin_decision_append_only();

CREATE TRIGGER margin_decision_no_truncate BEFORE TRUNCATE ON margin_decision EXECUTE FUNCTION margin_decision_append_only();

CREATE TABLE payment_intent (
    end_to_end_id VARCHAR(35) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    loan_id VARCHAR(40) NOT NULL,
    payee JSON NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    state VARCHAR(16) NOT NULL,
    intended_at TIMESTAMP WITH TIME ZONE NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE,
    settled_on DATE,
    reason VARCHAR,
    CONSTRAINT pk_payment_intent PRIMARY KEY (end_to_end_id),
    CONSTRAINT ck_payment_intent_amount_positive CHECK (amount_minor > 0),
    CONSTRAINT fk_payment_intent_loan_id_loan FOREIGN KEY(loan_id) REFERENCES loan (id)
);

CREATE INDEX ix_payment_intent_loan_id ON payment_intent (loan_id);

CREATE INDEX ix_payment_intent_state ON payment_intent (state);

CREATE UNIQUE INDEX uq_payment_intent_disbursement ON payment_intent (loan_id) WHERE kind = 'disbursement' AND state <> 'rejected';

CREATE TABLE release_quote (
    id VARCHAR(40) NOT NULL,
    loan_id VARCHAR(40) NOT NULL,
    leaving JSON NOT NULL,
    bank_minor BIGINT NOT NULL,
    operator_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    facts JSON NOT NULL,
    quoted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    operator_paid VARCHAR(80),
    CONSTRAINT pk_release_quote PRIMARY KEY (id),
    CONSTRAINT fk_release_quote_loan_id_loan FOREIGN KEY(loan_id) REFERENCES loan (id)
);

CREATE INDEX ix_release_quote_loan_id ON release_quote (loan_id);

CREATE TABLE repayment (
    key VARCHAR(35) NOT NULL,
    loan_id VARCHAR(40) NOT NULL,
    payer VARCHAR(66) NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    asked_by VARCHAR(66) NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    rail VARCHAR(16) NOT NULL,
    number BIGINT,
    CONSTRAINT pk_repayment PRIMARY KEY (key),
    CONSTRAINT ck_repayment_amount_positive CHECK (amount_minor > 0),
    CONSTRAINT fk_repayment_loan_id_loan FOREIGN KEY(loan_id) REFERENCES loan (id)
);

CREATE INDEX ix_repayment_loan_id ON repayment (loan_id);

CREATE TABLE statement_line (
    rail VARCHAR(16) NOT NULL,
    number BIGINT NOT NULL,
    direction VARCHAR(3) NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    value_on DATE NOT NULL,
    reference VARCHAR NOT NULL,
    counterparty VARCHAR NOT NULL,
    state VARCHAR(16) NOT NULL,
    loan_id VARCHAR(40),
    taken_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_statement_line PRIMARY KEY (rail, number),
    CONSTRAINT ck_statement_line_amount_positive CHECK (amount_minor > 0),
    CONSTRAINT fk_statement_line_loan_id_loan FOREIGN KEY(loan_id) REFERENCES loan (id)
);

CREATE INDEX ix_statement_line_state ON statement_line (state);

CREATE TABLE ordered_release (
    quote_id VARCHAR(40) NOT NULL,
    receipt BIGINT NOT NULL,
    loan_id VARCHAR(40) NOT NULL,
    mass_kg BIGINT NOT NULL,
    ordered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    ended_as VARCHAR(64),
    CONSTRAINT pk_ordered_release PRIMARY KEY (quote_id, receipt),
    CONSTRAINT fk_ordered_release_quote_id_release_quote FOREIGN KEY(quote_id) REFERENCES release_quote (id),
    CONSTRAINT fk_ordered_release_loan_id_loan FOREIGN KEY(loan_id) REFERENCES loan (id)
);

CREATE INDEX ix_ordered_release_loan_id ON ordered_release (loan_id);

