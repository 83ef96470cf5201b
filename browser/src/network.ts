// What is asked of the server, and whether it answers: while nobody does, the page says so.

import { say } from "./page";

const ANSWER_MAX_MS = 10_000;
/** One request may die because the payer is leaving, or the server is starting anew. */
const UNANSWERED_MIN = 2;

let unanswered = 0;

/** The answer, whatever its status. Throws when there is none, by then or at all. */
export async function ask(url: string, headers: HeadersInit = {}): Promise<Response> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MAX_MS);
    const answer = await fetch(url, { cache: "no-store", headers, signal });
    unanswered = 0;
    return answer;
  } catch (error) {
    unanswered += 1;
    throw error;
  } finally {
    tell();
  }
}

/** Whether a form that is sent now would probably end on the browser's own error page. */
export function cutOff(): boolean {
  return !navigator.onLine || unanswered >= UNANSWERED_MIN;
}

/** Says it once more, to who has pressed a button in vain. */
export function sayCutOff(): void {
  say(notice()?.textContent ?? "");
}

function tell(): void {
  const shown = notice();
  const missing = unanswered > 0 && cutOff();
  if (shown === null || shown.hidden === !missing) return;
  shown.hidden = !missing;
  if (missing) sayCutOff();
}

function notice(): HTMLElement | null {
  return document.querySelector<HTMLElement>(".offline");
}
