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

-- Name: account_follows_transfers(); Type: FUNCTION; Schema: public; Owner: -

CREATE FUNCTION public.account_follows_transfers() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
  version_before bigint := coalesce(OLD.version, 0);
  moved_here bigint := NEW.posted - coalesce(OLD.posted, 0);
  out_here bigint := NEW.held_out - coalesce(OLD.held_out, 0);
  in_here bigint := NEW.held_in - coalesce(OLD.held_in, 0);
  steps bigint;
  moved bigint;
  held_out bigint;
  held_in bigint;
BEGIN
  -- Ordered, so that the plan takes the right index even when it was made on an empty table.
  SELECT count(*), coalesce(sum(s.moved), 0), coalesce(sum(s.held_out), 0), coalesce(sum(s.held_in), 0)
  INTO steps, moved, held_out, held_in FROM (
    (SELECT CASE WHEN t.kind IN ('direct', 'post') THEN -t.amount ELSE 0 END AS moved,
       CASE WHEN t.kind = 'hold' THEN t.amount WHEN t.kind = 'direct' THEN 0 ELSE -(
         SELECT h.amount FROM transfers h WHERE h.merchant_id = t.merchant_id
           AND h.id BETWEEN t.hold_id AND t.hold_id ORDER BY h.id LIMIT 1) END AS held_out,
       0 AS held_in
     FROM transfers t
     WHERE t.merchant_id = NEW.merchant_id AND t.debit_id = NEW.id
       AND t.debit_version > version_before AND t.debit_version <= NEW.version
     ORDER BY t.debit_version)
    UNION ALL
    (SELECT CASE WHEN t.kind IN ('direct', 'post') THEN t.amount ELSE 0 END, 0,
       CASE WHEN t.kind = 'hold' THEN t.amount WHEN t.kind = 'direct' THEN 0 ELSE -(
         SELECT h.amount FROM transfers h WHERE h.merchant_id = t.merchant_id
           AND h.id BETWEEN t.hold_id AND t.hold_id ORDER BY h.id LIMIT 1) END
     FROM transfers t
     WHERE t.merchant_id = NEW.merchant_id AND t.credit_id = NEW.id
       AND t.credit_version > version_before AND t.credit_version <= NEW.version
     ORDER BY t.credit_version)
  ) s;
  IF (steps, moved, held_out, held_in) <> (NEW.version - version_before, moved_here, out_here, in_here) THEN
    RAISE EXCEPTION 'account % changes by % in % steps, its transfers say % in %',
      NEW.id, moved_here, NEW.version - version_before, moved, steps
      USING ERRCODE = 'check_violation', CONSTRAINT = 'account_follows_transfers';
  END IF;
  RETURN NULL;
END $$;

-- Name: forbid_change(); Type: FUNCTION; Schema: public; Owner: -

CREATE FUNCTION public.forbid_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  RAISE EXCEPTION '% on % is forbidden: it is append-only', tg_op, tg_table_name USING ERRCODE = '42501';
END $$;

-- Name: resolution_fits_hold(); Type: FUNCTION; Schema: public; Owner: -

CREATE FUNCTION public.resolution_fits_hold() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM transfers h WHERE h.merchant_id = NEW.merchant_id AND h.id = NEW.hold_id AND h.kind = 'hold'
      AND h.debit_id = NEW.debit_id AND h.credit_id = NEW.credit_id AND h.amount >= NEW.amount
  ) THEN
    RAISE EXCEPTION 'transfer % does not fit hold %', NEW.id, NEW.hold_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'resolution_fits_hold';
  END IF;
  RETURN NULL;
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
    frozen boolean DEFAULT false CONSTRAINT accounts_closed_not_null NOT NULL,
    created_at timestamp with time zone NOT NULL,
    moved_at timestamp with time zone DEFAULT now() NOT NULL,
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
    name text,
    scopes text[],
    rolled_to uuid,
    last_used_at timestamp with time zone,
    CONSTRAINT api_keys_digest_check CHECK ((length(digest) = 32)),
    CONSTRAINT api_keys_kind_check CHECK ((kind = ANY (ARRAY['secret'::text, 'publishable'::text, 'restricted'::text]))),
    CONSTRAINT api_keys_name_check CHECK (((length(name) >= 1) AND (length(name) <= 100))),
    CONSTRAINT api_keys_scopes CHECK (
CASE
    WHEN (kind = 'restricted'::text) THEN (COALESCE(cardinality(scopes), 0) > 0)
    ELSE (scopes IS NULL)
END)
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
    hint text,
    looked_at timestamp with time zone,
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
    assets text[],
    amount_min bigint,
    amount_max bigint,
    allowed_networks text[],
    amount_policy text DEFAULT 'review'::text NOT NULL,
    hints json DEFAULT '{}'::json NOT NULL,
    environment text,
    CONSTRAINT connections_amounts CHECK (((COALESCE(amount_min, (1)::bigint) > 0) AND (COALESCE(amount_max, amount_min, (1)::bigint) >= COALESCE(amount_min, (1)::bigint)))),
    CONSTRAINT connections_policy CHECK ((amount_policy = ANY (ARRAY['review'::text, 'accept'::text]))),
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
    attempts_before smallint DEFAULT 0 NOT NULL,
    CONSTRAINT deliveries_check CHECK (((state = 'due'::text) = (settled_at IS NULL))),
    CONSTRAINT deliveries_state_check CHECK ((state = ANY (ARRAY['due'::text, 'delivered'::text, 'filtered'::text, 'dead'::text])))
)
WITH (fillfactor='70');

-- Name: disputes; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.disputes (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    reference text NOT NULL,
    charge text,
    amount bigint NOT NULL,
    asset text NOT NULL,
    status text NOT NULL,
    reason text,
    evidence_due_at timestamp with time zone,
    remind_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT disputes_amount_check CHECK ((amount >= 0)),
    CONSTRAINT disputes_status_check CHECK ((status = ANY (ARRAY['needs_response'::text, 'under_review'::text, 'lost'::text, 'won'::text])))
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
    provider text,
    CONSTRAINT endpoints_format_check CHECK ((format = ANY (ARRAY['standard'::text, 'gateway'::text, 'provider'::text]))),
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

-- Name: holds; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.holds (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    debit_owner text NOT NULL,
    debit_code text NOT NULL,
    credit_owner text NOT NULL,
    credit_code text NOT NULL,
    asset text NOT NULL,
    amount bigint NOT NULL,
    posted bigint NOT NULL,
    state text NOT NULL,
    reference text,
    description text,
    expires_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT holds_amount_check CHECK ((amount > 0)),
    CONSTRAINT holds_check CHECK (((posted >= 0) AND (posted <= amount))),
    CONSTRAINT holds_check1 CHECK (((state = 'posted'::text) = (posted > 0))),
    CONSTRAINT holds_state_check CHECK ((state = ANY (ARRAY['held'::text, 'posted'::text, 'voided'::text, 'expired'::text])))
)
WITH (fillfactor='80');

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
    target text,
    submissions integer DEFAULT 0 NOT NULL,
    CONSTRAINT operations_amount_check CHECK ((amount > 0)),
    CONSTRAINT operations_kind_check CHECK ((kind = ANY (ARRAY['start'::text, 'capture'::text, 'void'::text, 'refund'::text]))),
    CONSTRAINT operations_reserved CHECK (((state <> 'reserved'::text) OR (due_at IS NOT NULL))),
    CONSTRAINT operations_state_check CHECK ((state = ANY (ARRAY['reserved'::text, 'submitted'::text, 'done'::text, 'rejected'::text, 'unknown'::text]))),
    CONSTRAINT operations_target CHECK (((kind = 'start'::text) = (target IS NULL)))
)
WITH (fillfactor='70');

-- Name: orders; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.orders (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    amount bigint NOT NULL,
    asset text NOT NULL,
    status text NOT NULL,
    paid bigint DEFAULT 0 NOT NULL,
    refunded bigint DEFAULT 0 NOT NULL,
    lines json NOT NULL,
    reference text,
    description text,
    metadata json NOT NULL,
    duplicates text NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    paid_at timestamp with time zone,
    canceled_at timestamp with time zone,
    CONSTRAINT orders_amount_check CHECK ((amount > 0)),
    CONSTRAINT orders_check CHECK (((status = 'paid'::text) = ((paid_at IS NOT NULL) AND (canceled_at IS NULL)))),
    CONSTRAINT orders_check1 CHECK (((paid_at IS NULL) OR (paid >= amount))),
    CONSTRAINT orders_check2 CHECK (((status = 'canceled'::text) = (canceled_at IS NOT NULL))),
    CONSTRAINT orders_check3 CHECK (((status <> 'partly_paid'::text) OR (paid > refunded))),
    CONSTRAINT orders_check4 CHECK (((status <> 'open'::text) OR (paid <= refunded))),
    CONSTRAINT orders_duplicates_check CHECK ((duplicates = ANY (ARRAY['review'::text, 'refund'::text]))),
    CONSTRAINT orders_paid_check CHECK ((paid >= 0)),
    CONSTRAINT orders_refunded_check CHECK ((refunded >= 0)),
    CONSTRAINT orders_status_check CHECK ((status = ANY (ARRAY['open'::text, 'partly_paid'::text, 'paid'::text, 'canceled'::text])))
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
    order_id uuid,
    to_capture bigint,
    cancellation_reason text,
    resolution text,
    credited bigint DEFAULT 0 NOT NULL,
    routed boolean DEFAULT false NOT NULL,
    amount_policy text DEFAULT 'review'::text NOT NULL,
    CONSTRAINT payments_amount_check CHECK ((amount > 0)),
    CONSTRAINT payments_authorized_check CHECK ((authorized >= 0)),
    CONSTRAINT payments_capture_method_check CHECK ((capture_method = ANY (ARRAY['automatic'::text, 'manual'::text]))),
    CONSTRAINT payments_captured_check CHECK ((captured >= 0)),
    CONSTRAINT payments_check1 CHECK (((status <> 'succeeded'::text) OR ((captured > 0) AND (succeeded_at IS NOT NULL)))),
    CONSTRAINT payments_check2 CHECK (((status = 'review'::text) = (review_reason IS NOT NULL))),
    CONSTRAINT payments_credited CHECK (((credited = 0) OR ((order_id IS NOT NULL) AND (status = 'succeeded'::text)))),
    CONSTRAINT payments_credited_check CHECK ((credited >= 0)),
    CONSTRAINT payments_disputed_check CHECK ((disputed >= 0)),
    CONSTRAINT payments_money CHECK (((captured = 0) OR (status = ANY (ARRAY['authorized'::text, 'succeeded'::text, 'review'::text])) OR ((status = 'failed'::text) AND (resolution = 'refused'::text)))),
    CONSTRAINT payments_policy CHECK ((amount_policy = ANY (ARRAY['review'::text, 'accept'::text, 'open'::text]))),
    CONSTRAINT payments_refunded_check CHECK ((refunded >= 0)),
    CONSTRAINT payments_resolution_check CHECK ((resolution = ANY (ARRAY['accepted'::text, 'refused'::text]))),
    CONSTRAINT payments_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'processing'::text, 'authorized'::text, 'succeeded'::text, 'failed'::text, 'canceled'::text, 'expired'::text, 'review'::text]))),
    CONSTRAINT payments_to_capture_check CHECK ((to_capture > 0))
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
    parent text,
    revision bigint DEFAULT 0 NOT NULL,
    owed bigint DEFAULT 0 NOT NULL,
    nominated boolean DEFAULT false NOT NULL,
    payable boolean DEFAULT false NOT NULL,
    CONSTRAINT processor_objects_amount_check CHECK ((amount >= 0)),
    CONSTRAINT processor_objects_booked_check CHECK ((booked >= 0)),
    CONSTRAINT processor_objects_booked_to_check CHECK ((booked_to = ANY (ARRAY['suspense'::text, 'merchant'::text, 'wallet'::text, 'disputed'::text, 'clearing'::text]))),
    CONSTRAINT processor_objects_check CHECK (((booked > 0) = (booked_to IS NOT NULL))),
    CONSTRAINT processor_objects_owed_check CHECK (((owed >= 0) AND (owed <= booked))),
    CONSTRAINT processor_objects_payable CHECK (((NOT payable) OR (state = 'failed'::text))),
    CONSTRAINT processor_objects_state_check CHECK ((((kind = 'charge'::text) AND (state = ANY (ARRAY['pending'::text, 'processing'::text, 'authorized'::text, 'failed'::text, 'canceled'::text, 'captured'::text]))) OR ((kind = 'refund'::text) AND (state = ANY (ARRAY['pending'::text, 'canceled'::text, 'succeeded'::text, 'failed'::text]))) OR ((kind = 'dispute'::text) AND (state = ANY (ARRAY['needs_response'::text, 'under_review'::text, 'lost'::text, 'won'::text])))))
)
WITH (fillfactor='70');

-- Name: provider_orders; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.provider_orders (
    merchant_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    external_id text NOT NULL,
    order_id uuid NOT NULL
);

-- Name: providers; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.providers (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    slug text NOT NULL,
    service_id uuid NOT NULL,
    status text NOT NULL,
    use_stripe_checkout boolean NOT NULL,
    success_redirect_url text,
    cancel_redirect_url text,
    description text,
    endpoint_id uuid,
    key_digest bytea NOT NULL,
    key_hint text NOT NULL,
    last_used_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT providers_key_digest_check CHECK ((length(key_digest) = 32)),
    CONSTRAINT providers_status_check CHECK ((status = ANY (ARRAY['active'::text, 'inactive'::text])))
);

-- Name: refunds; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.refunds (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    id uuid NOT NULL,
    connection_id uuid NOT NULL,
    charge text NOT NULL,
    amount bigint NOT NULL,
    asset text NOT NULL,
    status text NOT NULL,
    reason text,
    metadata json NOT NULL,
    place text NOT NULL,
    hold_id uuid,
    reference text,
    failure_code text,
    failure_message text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT refunds_amount_check CHECK ((amount > 0)),
    CONSTRAINT refunds_place_check CHECK ((place = ANY (ARRAY['suspense'::text, 'merchant'::text, 'wallet'::text]))),
    CONSTRAINT refunds_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'succeeded'::text, 'failed'::text, 'canceled'::text])))
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
    CONSTRAINT refused_callbacks_verdict_check CHECK ((verdict = ANY (ARRAY['forged'::text, 'stale'::text, 'unreadable'::text, 'address'::text])))
);

-- Name: seen_callbacks; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.seen_callbacks (
    merchant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    event_key text NOT NULL,
    callback_id uuid NOT NULL
);

-- Name: services; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.services (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    title text NOT NULL,
    slug text NOT NULL,
    description text,
    price bigint NOT NULL,
    asset text NOT NULL,
    price_unit text,
    icon text,
    features text[] NOT NULL,
    status text NOT NULL,
    stripe_buy_button_id text,
    metadata json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT services_price_check CHECK ((price > 0)),
    CONSTRAINT services_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'published'::text])))
);

-- Name: test_clocks; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.test_clocks (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text,
    advanced_s bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT test_clocks_advanced_s_check CHECK ((advanced_s >= 0)),
    CONSTRAINT test_clocks_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200)))
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
    debit_held bigint DEFAULT 0 NOT NULL,
    credit_held bigint DEFAULT 0 NOT NULL,
    CONSTRAINT transfers_check CHECK ((debit_id <> credit_id)),
    CONSTRAINT transfers_check1 CHECK (((amount > 0) OR ((kind = 'void'::text) AND (amount = 0)))),
    CONSTRAINT transfers_check2 CHECK (((kind = ANY (ARRAY['post'::text, 'void'::text])) = (hold_id IS NOT NULL))),
    CONSTRAINT transfers_credit_held_check CHECK ((credit_held >= 0)),
    CONSTRAINT transfers_debit_held_check CHECK ((debit_held >= 0)),
    CONSTRAINT transfers_digest_check CHECK ((length(digest) = 32)),
    CONSTRAINT transfers_expiry CHECK (((expires_at IS NULL) OR (kind = 'hold'::text))),
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
    way json,
    CONSTRAINT tries_ordinal_check CHECK ((ordinal > 0)),
    CONSTRAINT tries_state_check CHECK ((state = ANY (ARRAY['open'::text, 'succeeded'::text, 'failed'::text, 'canceled'::text])))
)
WITH (fillfactor='70');

-- Name: wallet_limits; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.wallet_limits (
    merchant_id uuid NOT NULL,
    owner text NOT NULL,
    code text NOT NULL,
    asset text NOT NULL,
    debit_max bigint,
    day_max bigint,
    balance_max bigint,
    day date NOT NULL,
    spent bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT wallet_limits_balance_max_check CHECK ((balance_max >= 0)),
    CONSTRAINT wallet_limits_day_max_check CHECK ((day_max >= 0)),
    CONSTRAINT wallet_limits_debit_max_check CHECK ((debit_max >= 0)),
    CONSTRAINT wallet_limits_spent_check CHECK ((spent >= 0))
);

-- Name: workers; Type: TABLE; Schema: public; Owner: -

CREATE TABLE public.workers (
    id uuid NOT NULL,
    started_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL
);

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

-- Name: disputes disputes_merchant_id_connection_id_reference_key; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.disputes
    ADD CONSTRAINT disputes_merchant_id_connection_id_reference_key UNIQUE (merchant_id, connection_id, reference);

-- Name: disputes disputes_merchant_id_id_key; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.disputes
    ADD CONSTRAINT disputes_merchant_id_id_key UNIQUE (merchant_id, id);

-- Name: disputes disputes_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.disputes
    ADD CONSTRAINT disputes_pkey PRIMARY KEY (merchant_id, payment_id, id);

-- Name: endpoints endpoints_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.endpoints
    ADD CONSTRAINT endpoints_pkey PRIMARY KEY (merchant_id, id);

-- Name: events events_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (merchant_id, id);

-- Name: holds holds_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.holds
    ADD CONSTRAINT holds_pkey PRIMARY KEY (merchant_id, id);

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

-- Name: orders orders_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (merchant_id, id);

-- Name: payment_references payment_references_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.payment_references
    ADD CONSTRAINT payment_references_pkey PRIMARY KEY (merchant_id, connection_id, reference);

-- Name: payments payments_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (merchant_id, id);

-- Name: processor_objects processor_objects_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.processor_objects
    ADD CONSTRAINT processor_objects_pkey PRIMARY KEY (merchant_id, payment_id, connection_id, kind, reference);

-- Name: provider_orders provider_orders_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.provider_orders
    ADD CONSTRAINT provider_orders_pkey PRIMARY KEY (merchant_id, provider_id, external_id);

-- Name: providers providers_key_digest_key; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.providers
    ADD CONSTRAINT providers_key_digest_key UNIQUE (key_digest);

-- Name: providers providers_merchant_id_slug_key; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.providers
    ADD CONSTRAINT providers_merchant_id_slug_key UNIQUE (merchant_id, slug);

-- Name: providers providers_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.providers
    ADD CONSTRAINT providers_pkey PRIMARY KEY (merchant_id, id);

-- Name: refunds refunds_merchant_id_id_key; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_merchant_id_id_key UNIQUE (merchant_id, id);

-- Name: refunds refunds_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_pkey PRIMARY KEY (merchant_id, payment_id, id);

-- Name: refused_callbacks refused_callbacks_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.refused_callbacks
    ADD CONSTRAINT refused_callbacks_pkey PRIMARY KEY (merchant_id, connection_id, id);

-- Name: seen_callbacks seen_callbacks_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.seen_callbacks
    ADD CONSTRAINT seen_callbacks_pkey PRIMARY KEY (merchant_id, connection_id, event_key);

-- Name: services services_id_key; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.services
    ADD CONSTRAINT services_id_key UNIQUE (id);

-- Name: services services_merchant_id_slug_key; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.services
    ADD CONSTRAINT services_merchant_id_slug_key UNIQUE (merchant_id, slug);

-- Name: services services_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.services
    ADD CONSTRAINT services_pkey PRIMARY KEY (merchant_id, id);

-- Name: test_clocks test_clocks_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.test_clocks
    ADD CONSTRAINT test_clocks_pkey PRIMARY KEY (merchant_id, id);

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

-- Name: wallet_limits wallet_limits_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.wallet_limits
    ADD CONSTRAINT wallet_limits_pkey PRIMARY KEY (merchant_id, owner, code, asset);

-- Name: workers workers_pkey; Type: CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (id);

-- Name: audit_of_object; Type: INDEX; Schema: public; Owner: -

CREATE INDEX audit_of_object ON public.audit USING btree (merchant_id, object_id, id);

-- Name: callbacks_due; Type: INDEX; Schema: public; Owner: -

CREATE INDEX callbacks_due ON public.callbacks USING btree (due_at) WHERE (state = 'pending'::text);

-- Name: callbacks_failed; Type: INDEX; Schema: public; Owner: -

CREATE INDEX callbacks_failed ON public.callbacks USING btree (merchant_id, id) WHERE (state = 'failed'::text);

-- Name: callbacks_hints; Type: INDEX; Schema: public; Owner: -

CREATE INDEX callbacks_hints ON public.callbacks USING btree (merchant_id, connection_id, hint) WHERE (hint IS NOT NULL);

-- Name: callbacks_of_connection; Type: INDEX; Schema: public; Owner: -

CREATE INDEX callbacks_of_connection ON public.callbacks USING btree (merchant_id, connection_id, id);

-- Name: callbacks_of_payment; Type: INDEX; Schema: public; Owner: -

CREATE INDEX callbacks_of_payment ON public.callbacks USING btree (merchant_id, payment_id, id) WHERE (payment_id IS NOT NULL);

-- Name: deliveries_dead; Type: INDEX; Schema: public; Owner: -

CREATE INDEX deliveries_dead ON public.deliveries USING btree (merchant_id, event_id) WHERE (state = 'dead'::text);

-- Name: deliveries_due; Type: INDEX; Schema: public; Owner: -

CREATE INDEX deliveries_due ON public.deliveries USING btree (endpoint_id, due_at) WHERE (state = 'due'::text);

-- Name: disputes_due; Type: INDEX; Schema: public; Owner: -

CREATE INDEX disputes_due ON public.disputes USING btree (remind_at) WHERE (remind_at IS NOT NULL);

-- Name: endpoints_enabled; Type: INDEX; Schema: public; Owner: -

CREATE INDEX endpoints_enabled ON public.endpoints USING btree (id) WHERE (state = 'enabled'::text);

-- Name: events_of_object; Type: INDEX; Schema: public; Owner: -

CREATE INDEX events_of_object ON public.events USING btree (merchant_id, object_id, id);

-- Name: holds_due; Type: INDEX; Schema: public; Owner: -

CREATE INDEX holds_due ON public.holds USING btree (expires_at) WHERE ((state = 'held'::text) AND (expires_at IS NOT NULL));

-- Name: holds_of_owner; Type: INDEX; Schema: public; Owner: -

CREATE INDEX holds_of_owner ON public.holds USING btree (merchant_id, debit_owner, id);

-- Name: idempotency_keys_age; Type: INDEX; Schema: public; Owner: -

CREATE INDEX idempotency_keys_age ON public.idempotency_keys USING btree (created_at);

-- Name: idempotency_keys_open; Type: INDEX; Schema: public; Owner: -

CREATE INDEX idempotency_keys_open ON public.idempotency_keys USING btree (created_at) WHERE (state = 'open'::text);

-- Name: operations_asked; Type: INDEX; Schema: public; Owner: -

CREATE INDEX operations_asked ON public.operations USING btree (merchant_id, id) WHERE (state = ANY (ARRAY['reserved'::text, 'submitted'::text, 'unknown'::text]));

-- Name: operations_due; Type: INDEX; Schema: public; Owner: -

CREATE INDEX operations_due ON public.operations USING btree (due_at) WHERE (due_at IS NOT NULL);

-- Name: operations_unknown; Type: INDEX; Schema: public; Owner: -

CREATE INDEX operations_unknown ON public.operations USING btree (merchant_id, created_at) WHERE (state = 'unknown'::text);

-- Name: orders_anywhere; Type: INDEX; Schema: public; Owner: -

CREATE INDEX orders_anywhere ON public.orders USING hash (id);

-- Name: orders_by_reference; Type: INDEX; Schema: public; Owner: -

CREATE INDEX orders_by_reference ON public.orders USING btree (merchant_id, reference, id) WHERE (reference IS NOT NULL);

-- Name: payments_by_metadata; Type: INDEX; Schema: public; Owner: -

CREATE INDEX payments_by_metadata ON public.payments USING gin (((metadata)::jsonb) jsonb_path_ops) WHERE ((metadata)::text <> '{}'::text);

-- Name: payments_by_status; Type: INDEX; Schema: public; Owner: -

CREATE INDEX payments_by_status ON public.payments USING btree (merchant_id, status, id) WHERE (status = ANY (ARRAY['processing'::text, 'authorized'::text, 'review'::text]));

-- Name: payments_expiring; Type: INDEX; Schema: public; Owner: -

CREATE INDEX payments_expiring ON public.payments USING btree (expires_at) WHERE (status = 'pending'::text);

-- Name: payments_of_order; Type: INDEX; Schema: public; Owner: -

CREATE INDEX payments_of_order ON public.payments USING btree (merchant_id, order_id, id) WHERE (order_id IS NOT NULL);

-- Name: payments_of_orders_anywhere; Type: INDEX; Schema: public; Owner: -

CREATE INDEX payments_of_orders_anywhere ON public.payments USING hash (id) WHERE (order_id IS NOT NULL);

-- Name: payments_of_user; Type: INDEX; Schema: public; Owner: -

CREATE INDEX payments_of_user ON public.payments USING btree (merchant_id, wallet_user, id) WHERE (wallet_user IS NOT NULL);

-- Name: payments_refused; Type: INDEX; Schema: public; Owner: -

CREATE INDEX payments_refused ON public.payments USING btree (updated_at) WHERE (resolution = 'refused'::text);

-- Name: refunds_pending; Type: INDEX; Schema: public; Owner: -

CREATE INDEX refunds_pending ON public.refunds USING btree (updated_at) WHERE (status = 'pending'::text);

-- Name: refused_callbacks_by_id; Type: INDEX; Schema: public; Owner: -

CREATE INDEX refused_callbacks_by_id ON public.refused_callbacks USING btree (merchant_id, id);

-- Name: transfers_resolution; Type: INDEX; Schema: public; Owner: -

CREATE UNIQUE INDEX transfers_resolution ON public.transfers USING btree (merchant_id, hold_id) WHERE (hold_id IS NOT NULL);

-- Name: tries_open; Type: INDEX; Schema: public; Owner: -

CREATE INDEX tries_open ON public.tries USING btree (created_at) WHERE (state = 'open'::text);

-- Name: transfers append_only; Type: TRIGGER; Schema: public; Owner: -

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON public.transfers FOR EACH ROW EXECUTE FUNCTION public.forbid_change();

-- Name: transfers append_only_whole; Type: TRIGGER; Schema: public; Owner: -

CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON public.transfers FOR EACH STATEMENT EXECUTE FUNCTION public.forbid_change();

-- Name: accounts begins_with_transfers; Type: TRIGGER; Schema: public; Owner: -

CREATE CONSTRAINT TRIGGER begins_with_transfers AFTER INSERT ON public.accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.account_follows_transfers();

-- Name: transfers fits_hold; Type: TRIGGER; Schema: public; Owner: -

CREATE CONSTRAINT TRIGGER fits_hold AFTER INSERT ON public.transfers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((new.hold_id IS NOT NULL)) EXECUTE FUNCTION public.resolution_fits_hold();

-- Name: accounts follows_transfers; Type: TRIGGER; Schema: public; Owner: -

CREATE CONSTRAINT TRIGGER follows_transfers AFTER UPDATE ON public.accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (((((old.version IS DISTINCT FROM new.version) OR (old.posted IS DISTINCT FROM new.posted)) OR (old.held_out IS DISTINCT FROM new.held_out)) OR (old.held_in IS DISTINCT FROM new.held_in))) EXECUTE FUNCTION public.account_follows_transfers();

-- Name: api_keys api_keys_merchant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(id);

-- Name: connections connections_merchant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.connections
    ADD CONSTRAINT connections_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(id);

-- Name: holds holds_merchant_id_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.holds
    ADD CONSTRAINT holds_merchant_id_id_fkey FOREIGN KEY (merchant_id, id) REFERENCES public.transfers(merchant_id, id);

-- Name: merchants merchants_business_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.merchants
    ADD CONSTRAINT merchants_business_id_fkey FOREIGN KEY (business_id) REFERENCES public.businesses(id);

-- Name: providers providers_merchant_id_service_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.providers
    ADD CONSTRAINT providers_merchant_id_service_id_fkey FOREIGN KEY (merchant_id, service_id) REFERENCES public.services(merchant_id, id);

-- Name: test_clocks test_clocks_merchant_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.test_clocks
    ADD CONSTRAINT test_clocks_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(id);

-- Name: transfers transfers_credit_id_merchant_id_asset_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.transfers
    ADD CONSTRAINT transfers_credit_id_merchant_id_asset_fkey FOREIGN KEY (credit_id, merchant_id, asset) REFERENCES public.accounts(id, merchant_id, asset);

-- Name: transfers transfers_debit_id_merchant_id_asset_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.transfers
    ADD CONSTRAINT transfers_debit_id_merchant_id_asset_fkey FOREIGN KEY (debit_id, merchant_id, asset) REFERENCES public.accounts(id, merchant_id, asset);

-- Name: transfers transfers_hold; Type: FK CONSTRAINT; Schema: public; Owner: -

ALTER TABLE ONLY public.transfers
    ADD CONSTRAINT transfers_hold FOREIGN KEY (merchant_id, hold_id) REFERENCES public.transfers(merchant_id, id);
