// The time left to pay: minutes and seconds once there is less than half an hour, told to screen
// readers at the moments that the page has words for. It goes by the server's clock, as the page
// gave it, and this device's steady one; what time the device believes it is does not matter.

import { main, say } from "./page";

const TICKING_FROM_S = 30 * 60;
const PRESSING_FROM_S = 3 * 60;

let ticking: number[] = [];
let arriving = true;

/** Starts for the page as it is now drawn. `ended` is called whenever a time has run out. */
export function keepTime(ended: () => void): void {
  ticking.forEach(clearTimeout);
  ticking = [];
  const drawn = drawnAt();
  const now = Number(main().dataset["now"]);
  main()
    .querySelectorAll<HTMLTimeElement>("time[data-ends]")
    .forEach((shown, at) => {
      const ends = Number(shown.dataset["ends"]);
      shown.title = new Date(ends).toLocaleString(document.documentElement.lang);
      count(shown, at, drawn + ends - now, ended);
    });
}

function count(shown: HTMLTimeElement, at: number, deadline: number, ended: () => void): void {
  let told = secondsUntil(deadline);
  const tick = (): void => {
    const left = secondsUntil(deadline);
    if (left < TICKING_FROM_S) shown.textContent = clock(left);
    shown.classList.toggle("pressing", left <= PRESSING_FROM_S);
    announce(shown, told, left);
    told = left;
    if (left === 0) ended();
    else ticking[at] = setTimeout(tick, untilNextSecond(deadline));
  };
  tick();
}

/** When the page was made, on this device's steady clock; for a redrawn page that is now. */
function drawnAt(): number {
  if (!arriving) return performance.now();
  arriving = false;
  const [arrival] = performance.getEntriesByType("navigation");
  return (arrival as PerformanceNavigationTiming | undefined)?.responseStart ?? performance.now();
}

function secondsUntil(deadline: number): number {
  return Math.max(0, Math.ceil((deadline - performance.now()) / 1000));
}

/** Milliseconds, and not one second from now: a late tick does not make the rest late. */
function untilNextSecond(deadline: number): number {
  return 1000 - ((((performance.now() - deadline) % 1000) + 1000) % 1000);
}

function announce(shown: HTMLElement, before: number, left: number): void {
  for (const [name, words] of Object.entries(shown.dataset)) {
    const at = Number(/^at-(\d+)$/.exec(name)?.[1]);
    if (words !== undefined && before > at && left <= at) say(words);
  }
}

function clock(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
}
