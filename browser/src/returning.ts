// After success: the seconds until the payer goes back to the merchant, and the button to stay.

import { main } from "./page";

let counting = 0;

export function countDownToReturn(): void {
  clearInterval(counting);
  const hint = main().querySelector<HTMLElement>("[data-return-after]");
  const target = main().querySelector<HTMLAnchorElement>("a.first");
  const words = hint?.querySelector("span");
  const stay = hint?.querySelector("button");
  if (!hint || !target || !words || !stay) return;

  const template = words.textContent ?? "";
  const from = hint.dataset["returnAfter"] ?? "";
  let left = Number(from);
  const stop = (): void => {
    clearInterval(counting);
    hint.hidden = true;
  };
  stay.hidden = false;
  stay.addEventListener("click", () => {
    stop();
    target.focus();
  });
  // A page kept by the browser must not leave again by itself when the payer comes back to it.
  addEventListener("pagehide", stop, { once: true });

  counting = setInterval(() => {
    // the shop would not be reached either
    if (!navigator.onLine) return;
    left -= 1;
    words.textContent = template.replace(from, String(left));
    if (left > 0) return;
    clearInterval(counting);
    location.assign(target.href);
  }, 1000);
}
