// Keeps the page true. The stream says "look again", a GET of the status is the truth; while there
// is no stream, the status is polled: every 2 s for half a minute, then every 10 s.

import { ask } from "./network";
import { main, redraw } from "./page";

const POLL_SOON_MS = 2_000;
const POLL_SOON_TIMES = 15;
const POLL_LATER_MS = 10_000;
/** With an open stream too, now and then: a proxy may hold its events back. */
const POLL_STREAMING_MS = 30_000;
const RECONNECT_MIN_MS = 1_000;
const RECONNECT_MAX_MS = 30_000;

const CHANGING = new Set(["ready", "waiting", "processing", "failed", "review", "unavailable"]);

export class Watch {
  readonly #redrawn: () => void;
  #stream: EventSource | undefined;
  #streaming = false;
  #looking = false;
  #lookAgain = false;
  #pausedUntil = 0;
  #polls = 0;
  #reconnects = 0;
  #pollTimer = 0;
  #connectTimer = 0;

  /** Watches from now on; `redrawn` is called whenever the page has become another one. */
  constructor(redrawn: () => void) {
    this.#redrawn = redrawn;
    this.#listen();
    this.#connect();
    this.#plan();
  }

  /** Looks now whether something has changed. Never throws: the next look is planned. */
  async look(): Promise<void> {
    if (this.#looking) {
      this.#lookAgain = true;
      return;
    }
    do {
      this.#looking = true;
      this.#lookAgain = false;
      try {
        if (changing() && performance.now() >= this.#pausedUntil) await this.#lookOnce();
      } catch {
        // What is shown was true a moment ago; that nobody answers, `ask` has told already.
      }
      this.#looking = false;
    } while (this.#lookAgain);
    this.#plan();
  }

  /** Does not look for so long, or until the page is shown again: the payer is leaving it. */
  pause(ms: number): void {
    this.#pausedUntil = performance.now() + ms;
  }

  async #lookOnce(): Promise<void> {
    if (!(await outdated()) || !(await redraw())) return;
    this.#polls = 0;
    if (!changing()) this.#close();
    this.#redrawn();
  }

  #plan(): void {
    clearTimeout(this.#pollTimer);
    if (!changing()) return;
    this.#pollTimer = setTimeout(() => {
      this.#polls += 1;
      void this.look();
    }, roughly(this.#pollPause()));
  }

  #pollPause(): number {
    if (this.#streaming) return POLL_STREAMING_MS;
    return this.#polls < POLL_SOON_TIMES ? POLL_SOON_MS : POLL_LATER_MS;
  }

  #connect(): void {
    const url = main().dataset["liveUrl"];
    if (this.#stream !== undefined || !changing() || !url) return;
    const stream = new EventSource(url);
    this.#stream = stream;
    stream.addEventListener("open", () => {
      this.#streaming = true;
      this.#reconnects = 0;
      // what happened before the stream stood was not heard
      void this.look();
    });
    stream.addEventListener("look", (event) => {
      if (event.lastEventId !== main().dataset["version"]) void this.look();
    });
    stream.addEventListener("error", () => this.#lost(stream));
  }

  #lost(stream: EventSource): void {
    if (this.#streaming) {
      this.#streaming = false;
      this.#plan();
    }
    // After a cut the browser reconnects by itself, naming the last event; not after a refusal.
    if (stream.readyState !== EventSource.CLOSED) return;
    this.#disconnect();
    const wait = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** this.#reconnects);
    this.#reconnects += 1;
    this.#connectTimer = setTimeout(() => this.#connect(), roughly(wait));
  }

  #disconnect(): void {
    clearTimeout(this.#connectTimer);
    this.#stream?.close();
    this.#stream = undefined;
    this.#streaming = false;
  }

  #close(): void {
    clearTimeout(this.#pollTimer);
    this.#disconnect();
  }

  #wake(): void {
    this.#polls = 0;
    this.#connect();
    void this.look();
  }

  #listen(): void {
    addEventListener("offline", () => void this.look());
    addEventListener("online", () => {
      this.#disconnect();
      this.#wake();
    });
    addEventListener("pageshow", (event) => {
      if (!event.persisted) return;
      this.#pausedUntil = 0;
      this.#wake();
    });
    // An open stream would keep the page out of the browser's back/forward cache.
    addEventListener("pagehide", () => this.#close());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#wake();
    });
  }
}

/** Whether what is shown may still become something else by itself. */
function changing(): boolean {
  return CHANGING.has(main().dataset["state"] ?? "");
}

/** Whether the server knows another version than the one shown. */
async function outdated(): Promise<boolean> {
  const { statusUrl, version } = main().dataset;
  // a page that could not be made has no status to ask for: only another try tells
  if (!statusUrl) return true;
  const answer = await ask(statusUrl);
  if (!answer.ok) throw new Error(`the status answered ${answer.status}`);
  const status = (await answer.json()) as { version?: unknown };
  return status.version !== version;
}

/** Within a fifth of `ms`, so that many pages do not all ask at once. */
function roughly(ms: number): number {
  return ms * (0.8 + 0.4 * Math.random());
}
