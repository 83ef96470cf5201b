// Keeps the page true. The stream says "look again", a GET of the status is the truth; while there
// is no stream, the status is polled: every 2 s for half a minute, then every 10 s.

import { main, redraw } from "./page";

const POLL_SOON_MS = 2_000;
const POLL_SOON_TIMES = 15;
const POLL_LATER_MS = 10_000;
/** With an open stream too, now and then: a proxy may hold its events back. */
const POLL_STREAMING_MS = 30_000;
const RECONNECT_MIN_MS = 1_000;
const RECONNECT_MAX_MS = 30_000;
const LOOK_TIMEOUT_MS = 10_000;

const CHANGING = new Set(["ready", "waiting", "processing", "failed", "review", "unavailable"]);

export interface Watching {
  /** Look now whether something has changed. */
  look: () => void;
  /** Do not look for so long, or until the page is shown again: the payer is leaving it. */
  pause: (ms: number) => void;
}

export function watch(on: { redrawn: () => void }): Watching {
  let stream: EventSource | undefined;
  let streaming = false;
  let looking = false;
  let lookAgain = false;
  let pausedUntil = 0;
  let polls = 0;
  let reconnects = 0;
  let pollTimer = 0;
  let connectTimer = 0;

  const changing = () => CHANGING.has(main().dataset["state"] ?? "");

  async function look(): Promise<void> {
    if (looking) {
      lookAgain = true;
      return;
    }
    if (!changing() || performance.now() < pausedUntil) {
      plan();
      return;
    }
    looking = true;
    try {
      await lookOnce();
    } catch {
      // Nothing to tell: what is shown was true a moment ago, and the next look is planned below.
    }
    looking = false;
    if (lookAgain) {
      lookAgain = false;
      void look();
    } else {
      plan();
    }
  }

  async function lookOnce(): Promise<void> {
    const signal = AbortSignal.timeout(LOOK_TIMEOUT_MS);
    if (await outdated(signal) && await redraw(signal)) {
      polls = 0;
      if (!changing()) close();
      on.redrawn();
    }
  }

  function plan(): void {
    clearTimeout(pollTimer);
    if (changing()) pollTimer = setTimeout(poll, roughly(pause()));
  }

  function pause(): number {
    if (streaming) return POLL_STREAMING_MS;
    return polls < POLL_SOON_TIMES ? POLL_SOON_MS : POLL_LATER_MS;
  }

  function poll(): void {
    polls += 1;
    void look();
  }

  function connect(): void {
    const url = main().dataset["liveUrl"];
    if (stream !== undefined || !changing() || !url) return;
    stream = new EventSource(url);
    stream.addEventListener("open", () => {
      streaming = true;
      reconnects = 0;
      // what happened before the stream stood was not heard
      void look();
    });
    stream.addEventListener("look", (event) => {
      if (event.lastEventId !== main().dataset["version"]) void look();
    });
    stream.addEventListener("error", () => {
      if (streaming) {
        streaming = false;
        plan();
      }
      // The browser reconnects by itself after a cut, with the last event's id, but not after a refusal.
      if (stream?.readyState === EventSource.CLOSED) reconnectLater();
    });
  }

  function reconnectLater(): void {
    disconnect();
    const wait = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** reconnects);
    reconnects += 1;
    connectTimer = setTimeout(connect, roughly(wait));
  }

  function disconnect(): void {
    clearTimeout(connectTimer);
    stream?.close();
    stream = undefined;
    streaming = false;
  }

  function close(): void {
    clearTimeout(pollTimer);
    disconnect();
  }

  function wake(): void {
    polls = 0;
    connect();
    void look();
  }

  addEventListener("online", () => {
    disconnect();
    wake();
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    pausedUntil = 0;
    wake();
  });
  // An open stream would keep the page out of the browser's back/forward cache.
  addEventListener("pagehide", close);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") wake();
  });
  connect();
  plan();

  return {
    look: () => void look(),
    pause: (ms) => {
      pausedUntil = performance.now() + ms;
    },
  };
}

/** Whether the server knows another version than the one shown. */
async function outdated(signal: AbortSignal): Promise<boolean> {
  const { statusUrl, version } = main().dataset;
  // a page that could not be made has no status to ask for: only another try tells
  if (!statusUrl) return true;
  const answer = await fetch(statusUrl, { cache: "no-store", signal });
  if (!answer.ok) throw new Error(`the status answered ${answer.status}`);
  const status = (await answer.json()) as { version?: unknown };
  return status.version !== version;
}

/** Within a fifth of `ms`, so that many pages do not all ask at once. */
function roughly(ms: number): number {
  return ms * (0.8 + 0.4 * Math.random());
}
