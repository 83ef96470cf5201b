// A payment is sent once: the button says so and takes no second press until the page is back.
// Without a connection it is not sent at all: the page stays, and the payer can press again.

import type { Watch } from "./live";
import { ask, cutOff, sayCutOff } from "./network";
import { main, say } from "./page";

/** Long enough to reach the processor's page, short enough to help when that never happened. */
const LEAVING_MS = 20_000;

export function guardForms(watch: Watch): void {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const button = payButton(form);
    if (button === null) return;
    if (button.getAttribute("aria-disabled") === "true") {
      event.preventDefault();
      return;
    }
    hold(button);
    if (!cutOff()) {
      leave(watch);
      return;
    }
    event.preventDefault();
    void sendIfAnswered(form as HTMLFormElement, watch);
  });
  addEventListener("pageshow", release);
}

function leave(watch: Watch): void {
  // Meanwhile the payment changes because of us; a page drawn anew under the payer would flicker.
  watch.pause(LEAVING_MS);
  setTimeout(release, LEAVING_MS);
}

/** Devices are sometimes wrong about being offline: only whether the server answers counts. */
async function sendIfAnswered(form: HTMLFormElement, watch: Watch): Promise<void> {
  try {
    await ask(main().dataset["statusUrl"] ?? "");
  } catch {
    release();
    sayCutOff();
    return;
  }
  // drawn anew meanwhile, the page no longer offers what was pressed
  if (!form.isConnected) return;
  leave(watch);
  form.submit();
}

function payButton(form: EventTarget | null): HTMLButtonElement | null {
  const pays = form instanceof HTMLFormElement && form.matches("[data-pay]");
  return pays ? form.querySelector("button[data-busy]") : null;
}

/** Says that what was pressed is being done, and takes no second press. */
export function hold(button: HTMLButtonElement): void {
  const busy = button.dataset["busy"] ?? "";
  button.dataset["idle"] = button.textContent ?? "";
  // not `disabled`: the button keeps the focus, and Firefox would keep it disabled over a reload
  button.setAttribute("aria-disabled", "true");
  button.textContent = busy;
  say(busy);
}

/** Lets buttons be pressed again. */
export function release(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-idle]")) {
    button.textContent = button.dataset["idle"] ?? "";
    button.removeAttribute("aria-disabled");
    delete button.dataset["idle"];
  }
}
