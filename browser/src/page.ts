// The page as it stands: what main says of itself, and how to draw it again.

import { ask } from "./network";

/** The state whose page knows neither merchant nor colours. */
const BARE = "unavailable";

/** The only element that is ever replaced; everything that changes is in it. */
export function main(): HTMLElement {
  const found = document.querySelector<HTMLElement>("main");
  if (found === null) throw new Error("the page has no main");
  return found;
}

/** Tells a screen reader, after whatever it is saying. */
export function say(words: string): void {
  const voice = document.querySelector("#voice");
  if (voice !== null) voice.textContent = words;
}

/**
 * Fetches this page again and puts its main in place of ours. Answers whether it was another one.
 * Throws when the server could not answer now: what is shown stays.
 */
export async function redraw(): Promise<boolean> {
  const answer = await ask(location.href, { accept: "text/html" });
  if (answer.status >= 500) throw new Error(`the page answered ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const next = fresh.querySelector("main");
  const old = main();
  if (next === null || styles(fresh) !== styles(document) || old.dataset["state"] === BARE) {
    // Not a page of ours, one of a newer release, or ours has nothing of the payment around main:
    // only the browser can show it.
    location.reload();
    return false;
  }
  if (next.dataset["version"] === old.dataset["version"] && sameState(next, old)) return false;
  const way = next.dataset["way"];
  if (way) {
    // What the processor has drawn into ours must stay; what another way needs, it may load only
    // on a page of its own.
    if (way === old.dataset["way"]) old.dataset["version"] = next.dataset["version"];
    else location.reload();
    return false;
  }
  replace(old, next, fresh.title);
  return true;
}

function replace(old: HTMLElement, next: HTMLElement, title: string): void {
  const { activeElement } = document;
  const readingHere = activeElement === document.body || old.contains(activeElement);
  document.adoptNode(next);
  next.classList.add("arrived");
  old.replaceWith(next);
  document.title = title;
  say(next.querySelector(".sentence")?.textContent ?? title);
  // The heading is read out because it has the focus; who is elsewhere on the page is not moved.
  if (readingHere) next.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
}

function sameState(one: HTMLElement, other: HTMLElement): boolean {
  return one.dataset["state"] === other.dataset["state"];
}

function styles(page: Document): string | null | undefined {
  return page.querySelector('link[rel="stylesheet"]')?.getAttribute("href");
}
