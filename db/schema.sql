SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

-- Name: forbid_change(); Type: FUNCTION; Schema: public; Owner: -

CREATE FUNCTION public.forbid_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  RAISE EXCEPTION '% on % is forbidden: it is append-only', tg_op, tg_table_name USING ERRCODE = '42501';
END $$;

SET default_tablespace = '';

SET default_table_access_method = heap;

-- Name: accounts; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.accounts (
    merchant_id uuid NOT NULL,
    owner text NOT NULL,
    code text NOT NULL,
    asset text NOT NULL,
    id uuid NOT NULL,
    posted bigint DEFAULT 0 NOT NULL,
    held_out bigint DEFAULT 0 NOT NULL,
    held_in bigint DEFAULT 0 NOT NULL,
    floor bigint,
    version bigint DEFAULT 0 NOT NULL,
    closed boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT accounts_held_in_check CHECK ((held_in >= 0)),
    CONSTRAINT accounts_held_out_check CHECK ((held_out >= 0)),
    CONSTRAINT accounts_no_overdraft CHECK (((floor IS NULL) OR ((posted - held_out) >= floor))),
    CONSTRAINT accounts_version_check CHECK ((version >= 0))
)
WITH (fillfactor='50');

-- Name: api_keys; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.api_keys (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    digest bytea NOT NULL,
    hint text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT api_keys_digest_check CHECK ((length(digest) = 32)),
    CONSTRAINT api_keys_kind_check CHECK ((kind = ANY (ARRAY['secret'::text, 'publishable'::text])))
);

-- Name: attempts; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.attempts (
    merchant_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    event_id uuid NOT NULL,
    ordinal smallint NOT NULL,
    started_at timestamp with time zone NOT NULL,
    duration_ms integer NOT NULL,
    status_code smallint,
    error text,
    response text,
    body_sha256 bytea NOT NULL
);

-- Name: audit; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.audit (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    object_id uuid NOT NULL,
    before json,
    after json,
    ip text,
    request_id text,
    at timestamp with time zone NOT NULL,
    seal bytea
);

-- Name: businesses; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.businesses (
    id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT businesses_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200)))
);

-- Name: callback_counts; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.callback_counts (
    merchant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    verdict text NOT NULL,
    total bigint NOT NULL
);

-- Name: callbacks; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.callbacks (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    event_key text NOT NULL,
    payment_id uuid,
    state text NOT NULL,
    effect text NOT NULL,
    headers json NOT NULL,
    raw bytea NOT NULL,
    attempts smallint NOT NULL,
    due_at timestamp with time zone,
    received_at timestamp with time zone NOT NULL,
    CONSTRAINT callbacks_check CHECK (((state = 'pending'::text) = (due_at IS NOT NULL))),
    CONSTRAINT callbacks_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'processed'::text, 'failed'::text])))
)
WITH (fillfactor='90');

-- Name: connections; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.connections (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    connector text NOT NULL,
    name text NOT NULL,
    state text NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    settings json NOT NULL,
    credentials bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT connections_state_check CHECK ((state = ANY (ARRAY['enabled'::text, 'disabled'::text])))
);

-- Name: deliveries; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.deliveries (
    merchant_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    event_id uuid NOT NULL,
    state text DEFAULT 'due'::text NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL,
    claims integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    settled_at timestamp with time zone,
    CONSTRAINT deliveries_check CHECK (((state = 'due'::text) = (settled_at IS NULL))),
    CONSTRAINT deliveries_state_check CHECK ((state = ANY (ARRAY['due'::text, 'delivered'::text, 'filtered'::text, 'dead'::text])))
)
WITH (fillfactor='70');

-- Name: endpoints; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.endpoints (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    url text NOT NULL,
    events text[] NOT NULL,
    patterns text[] NOT NULL,
    format text NOT NULL,
    secrets bytea NOT NULL,
    state text NOT NULL,
    description text,
    metadata json NOT NULL,
    api_version text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT endpoints_format_check CHECK ((format = 'standard'::text)),
    CONSTRAINT endpoints_state_check CHECK ((state = ANY (ARRAY['enabled'::text, 'disabled'::text, 'deleted'::text])))
);

-- Name: events; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.events (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    type text NOT NULL,
    object_id uuid NOT NULL,
    data json NOT NULL,
    api_version text NOT NULL,
    request_id text,
    created_at timestamp with time zone NOT NULL
);

-- Name: hold_resolutions; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.hold_resolutions (
    merchant_id uuid NOT NULL,
    hold_id uuid NOT NULL,
    by_id uuid NOT NULL
);

-- Name: idempotency_keys; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.idempotency_keys (
    merchant_id uuid NOT NULL,
    key text NOT NULL,
    digest bytea NOT NULL,
    object_id uuid,
    state text NOT NULL,
    status_code smallint NOT NULL,
    body text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT idempotency_keys_digest_check CHECK ((length(digest) = 32)),
    CONSTRAINT idempotency_keys_key_check CHECK (((length(key) >= 1) AND (length(key) <= 255))),
    CONSTRAINT idempotency_keys_state_check CHECK ((state = ANY (ARRAY['open'::text, 'done'::text])))
);

-- Name: merchants; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.merchants (
    id uuid NOT NULL,
    business_id uuid NOT NULL,
    livemode boolean NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT merchants_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200)))
);

-- Name: operations; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.operations (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    id uuid NOT NULL,
    ordinal integer NOT NULL,
    connection_id uuid NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    amount bigint NOT NULL,
    asset text NOT NULL,
    request json NOT NULL,
    reference text,
    error text,
    looks integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT operations_amount_check CHECK ((amount > 0)),
    CONSTRAINT operations_kind_check CHECK ((kind = ANY (ARRAY['start'::text, 'capture'::text, 'void'::text, 'refund'::text]))),
    CONSTRAINT operations_state_check CHECK ((state = ANY (ARRAY['reserved'::text, 'submitted'::text, 'done'::text, 'rejected'::text, 'unknown'::text])))
)
WITH (fillfactor='70');

-- Name: payment_references; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.payment_references (
    merchant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    reference text NOT NULL,
    payment_id uuid NOT NULL
);

-- Name: payments; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.payments (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    amount bigint NOT NULL,
    asset text NOT NULL,
    status text NOT NULL,
    capture_method text NOT NULL,
    authorized bigint DEFAULT 0 NOT NULL,
    captured bigint DEFAULT 0 NOT NULL,
    refunded bigint DEFAULT 0 NOT NULL,
    disputed bigint DEFAULT 0 NOT NULL,
    late boolean DEFAULT false NOT NULL,
    review_reason text,
    failure_code text,
    failure_message text,
    description text,
    metadata json NOT NULL,
    connection_id uuid NOT NULL,
    wallet_user text,
    success_url text,
    cancel_url text,
    tries integer DEFAULT 0 NOT NULL,
    bookings integer DEFAULT 0 NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    succeeded_at timestamp with time zone,
    CONSTRAINT payments_amount_check CHECK ((amount > 0)),
    CONSTRAINT payments_authorized_check CHECK ((authorized >= 0)),
    CONSTRAINT payments_capture_method_check CHECK ((capture_method = ANY (ARRAY['automatic'::text, 'manual'::text]))),
    CONSTRAINT payments_captured_check CHECK ((captured >= 0)),
    CONSTRAINT payments_check CHECK (((captured = 0) OR (status = ANY (ARRAY['authorized'::text, 'succeeded'::text, 'review'::text])))),
    CONSTRAINT payments_check1 CHECK (((status <> 'succeeded'::text) OR ((captured > 0) AND (succeeded_at IS NOT NULL)))),
    CONSTRAINT payments_check2 CHECK (((status = 'review'::text) = (review_reason IS NOT NULL))),
    CONSTRAINT payments_disputed_check CHECK ((disputed >= 0)),
    CONSTRAINT payments_refunded_check CHECK ((refunded >= 0)),
    CONSTRAINT payments_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'processing'::text, 'authorized'::text, 'succeeded'::text, 'failed'::text, 'canceled'::text, 'expired'::text, 'review'::text])))
)
WITH (fillfactor='70');

-- Name: processor_objects; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.processor_objects (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    kind text NOT NULL,
    reference text NOT NULL,
    ordinal integer,
    state text NOT NULL,
    amount bigint NOT NULL,
    asset text NOT NULL,
    booked bigint DEFAULT 0 NOT NULL,
    booked_to text,
    failure_code text,
    failure_message text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT processor_objects_amount_check CHECK ((amount >= 0)),
    CONSTRAINT processor_objects_booked_check CHECK ((booked >= 0)),
    CONSTRAINT processor_objects_booked_to_check CHECK ((booked_to = ANY (ARRAY['suspense'::text, 'merchant'::text, 'wallet'::text]))),
    CONSTRAINT processor_objects_check CHECK (((booked > 0) = (booked_to IS NOT NULL))),
    CONSTRAINT processor_objects_kind_check CHECK ((kind = 'charge'::text)),
    CONSTRAINT processor_objects_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'processing'::text, 'authorized'::text, 'failed'::text, 'canceled'::text, 'captured'::text])))
)
WITH (fillfactor='70');

-- Name: refused_callbacks; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.refused_callbacks (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    verdict text NOT NULL,
    headers json NOT NULL,
    raw bytea NOT NULL,
    address text,
    received_at timestamp with time zone NOT NULL,
    CONSTRAINT refused_callbacks_verdict_check CHECK ((verdict = ANY (ARRAY['forged'::text, 'stale'::text, 'unreadable'::text])))
);

-- Name: seen_callbacks; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.seen_callbacks (
    merchant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    event_key text NOT NULL,
    callback_id uuid NOT NULL
);

-- Name: transfers; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.transfers (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    debit_id uuid NOT NULL,
    credit_id uuid NOT NULL,
    asset text NOT NULL,
    amount bigint NOT NULL,
    hold_id uuid,
    reverses uuid,
    group_id uuid NOT NULL,
    code text NOT NULL,
    cause text NOT NULL,
    ref text,
    expires_at timestamp with time zone,
    effective_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    debit_version bigint NOT NULL,
    debit_after bigint NOT NULL,
    credit_version bigint NOT NULL,
    credit_after bigint NOT NULL,
    digest bytea NOT NULL,
    meta json,
    CONSTRAINT transfers_check CHECK ((debit_id <> credit_id)),
    CONSTRAINT transfers_check1 CHECK (((amount > 0) OR ((kind = 'void'::text) AND (amount = 0)))),
    CONSTRAINT transfers_check2 CHECK (((kind = ANY (ARRAY['post'::text, 'void'::text])) = (hold_id IS NOT NULL))),
    CONSTRAINT transfers_digest_check CHECK ((length(digest) = 32)),
    CONSTRAINT transfers_kind_check CHECK ((kind = ANY (ARRAY['direct'::text, 'hold'::text, 'post'::text, 'void'::text])))
);

-- Name: tries; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.tries (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    ordinal integer NOT NULL,
    connection_id uuid NOT NULL,
    state text NOT NULL,
    reference text,
    redirect_url text,
    failure_code text,
    failure_message text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT tries_ordinal_check CHECK ((ordinal > 0)),
    CONSTRAINT tries_state_check CHECK ((state = ANY (ARRAY['open'::text, 'succeeded'::text, 'failed'::text, 'canceled'::text])))
)
WITH (fillfactor='70');

-- Name: accounts accounts_id_merchant_id_asset_key; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_id_merchant_id_asset_key UNIQUE (id, merchant_id, asset);

-- Name: accounts accounts_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (merchant_id, owner, code, asset);

-- Name: api_keys api_keys_digest_key; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_digest_key UNIQUE (digest);

-- Name: api_keys api_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (merchant_id, id);

-- Name: attempts attempts_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_pkey PRIMARY KEY (merchant_id, endpoint_id, event_id, ordinal);

-- Name: audit audit_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (merchant_id, id);

-- Name: businesses businesses_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.businesses
    ADD CONSTRAINT businesses_pkey PRIMARY KEY (id);

-- Name: callback_counts callback_counts_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.callback_counts
    ADD CONSTRAINT callback_counts_pkey PRIMARY KEY (merchant_id, connection_id, verdict);

-- Name: callbacks callbacks_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.callbacks
    ADD CONSTRAINT callbacks_pkey PRIMARY KEY (merchant_id, id);

-- Name: connections connections_id_key; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.connections
    ADD CONSTRAINT connections_id_key UNIQUE (id);

-- Name: connections connections_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.connections
    ADD CONSTRAINT connections_pkey PRIMARY KEY (merchant_id, id);

-- Name: deliveries deliveries_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (merchant_id, endpoint_id, event_id);

-- Name: endpoints endpoints_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.endpoints
    ADD CONSTRAINT endpoints_pkey PRIMARY KEY (merchant_id, id);

-- Name: events events_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (merchant_id, id);

-- Name: hold_resolutions hold_resolutions_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.hold_resolutions
    ADD CONSTRAINT hold_resolutions_pkey PRIMARY KEY (merchant_id, hold_id);

-- Name: idempotency_keys idempotency_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (merchant_id, key);

-- Name: merchants merchants_business_id_livemode_key; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.merchants
    ADD CONSTRAINT merchants_business_id_livemode_key UNIQUE (business_id, livemode);

-- Name: merchants merchants_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.merchants
    ADD CONSTRAINT merchants_pkey PRIMARY KEY (id);

-- Name: operations operations_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.operations
    ADD CONSTRAINT operations_pkey PRIMARY KEY (merchant_id, payment_id, id);

-- Name: payment_references payment_references_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.payment_references
    ADD CONSTRAINT payment_references_pkey PRIMARY KEY (merchant_id, connection_id, reference);

-- Name: payments payments_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (merchant_id, id);

-- Name: processor_objects processor_objects_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.processor_objects
    ADD CONSTRAINT processor_objects_pkey PRIMARY KEY (merchant_id, payment_id, connection_id, kind, reference);

-- Name: refused_callbacks refused_callbacks_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.refused_callbacks
    ADD CONSTRAINT refused_callbacks_pkey PRIMARY KEY (merchant_id, connection_id, id);

-- Name: seen_callbacks seen_callbacks_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.seen_callbacks
    ADD CONSTRAINT seen_callbacks_pkey PRIMARY KEY (merchant_id, connection_id, event_key);

-- Name: transfers transfers_cause; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.transfers
    ADD CONSTRAINT transfers_cause UNIQUE (merchant_id, cause);

-- Name: transfers transfers_credit_version; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.transfers
    ADD CONSTRAINT transfers_credit_version UNIQUE (merchant_id, credit_id, credit_version);

-- Name: transfers transfers_debit_version; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.transfers
    ADD CONSTRAINT transfers_debit_version UNIQUE (merchant_id, debit_id, debit_version);

-- Name: transfers transfers_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.transfers
    ADD CONSTRAINT transfers_pkey PRIMARY KEY (merchant_id, id);

-- Name: tries tries_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.tries
    ADD CONSTRAINT tries_pkey PRIMARY KEY (merchant_id, payment_id, ordinal);

-- Name: callbacks_due; Type: INDEX; Schema: public; Owner: -

CREATE INDEX callbacks_due ON public.callbacks USING btree (due_at) WHERE (state = 'pending'::text);

-- Name: deliveries_due; Type: INDEX; Schema: public; Owner: -

CREATE INDEX deliveries_due ON public.deliveries USING btree (endpoint_id, due_at) WHERE (state = 'due'::text);

-- Name: endpoints_enabled; Type: INDEX; Schema: public; Owner: -

CREATE INDEX endpoints_enabled ON public.endpoints USING btree (id) WHERE (state = 'enabled'::text);

-- Name: idempotency_keys_age; Type: INDEX; Schema: public; Owner: -

CREATE INDEX idempotency_keys_age ON public.idempotency_keys USING btree (created_at);

-- Name: operations_due; Type: INDEX; Schema: public; Owner: -

CREATE INDEX operations_due ON public.operations USING btree (due_at) WHERE (due_at IS NOT NULL);

-- Name: payments_by_status; Type: INDEX; Schema: public; Owner: -

CREATE INDEX payments_by_status ON public.payments USING btree (merchant_id, status, id) WHERE (status = ANY (ARRAY['processing'::text, 'authorized'::text, 'review'::text]));

-- Name: payments_expiring; Type: INDEX; Schema: public; Owner: -

CREATE INDEX payments_expiring ON public.payments USING btree (expires_at) WHERE (status = 'pending'::text);

-- Name: hold_resolutions append_only; Type: TRIGGER; Schema: public; Owner: -

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON public.hold_resolutions FOR EACH ROW EXECUTE FUNCTION public.forbid_change();

-- Name: transfers append_only; Type: TRIGGER; Schema: public; Owner: -

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON public.transfers FOR EACH ROW EXECUTE FUNCTION public.forbid_change();

-- Name: hold_resolutions append_only_whole; Type: TRIGGER; Schema: public; Owner: -

CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON public.hold_resolutions FOR EACH STATEMENT EXECUTE FUNCTION public.forbid_change();

-- Name: transfers append_only_whole; Type: TRIGGER; Schema: public; Owner: -

CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON public.transfers FOR EACH STATEMENT EXECUTE FUNCTION public.forbid_change();

-- Name: api_keys api_keys_merchant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(id);

-- Name: connections connections_merchant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.connections
    ADD CONSTRAINT connections_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(id);

-- Name: hold_resolutions hold_resolutions_merchant_id_by_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.hold_resolutions
    ADD CONSTRAINT hold_resolutions_merchant_id_by_id_fkey FOREIGN KEY (merchant_id, by_id) REFERENCES public.transfers(merchant_id, id);

-- Name: hold_resolutions hold_resolutions_merchant_id_hold_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.hold_resolutions
    ADD CONSTRAINT hold_resolutions_merchant_id_hold_id_fkey FOREIGN KEY (merchant_id, hold_id) REFERENCES public.transfers(merchant_id, id);

-- Name: merchants merchants_business_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.merchants
    ADD CONSTRAINT merchants_business_id_fkey FOREIGN KEY (business_id) REFERENCES public.businesses(id);

-- Name: transfers transfers_credit_id_merchant_id_asset_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.transfers
    ADD CONSTRAINT transfers_credit_id_merchant_id_asset_fkey FOREIGN KEY (credit_id, merchant_id, asset) REFERENCES public.accounts(id, merchant_id, asset);

-- Name: transfers transfers_debit_id_merchant_id_asset_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.transfers
    ADD CONSTRAINT transfers_debit_id_merchant_id_asset_fkey FOREIGN KEY (debit_id, merchant_id, asset) REFERENCES public.accounts(id, merchant_id, asset);
