// A way to pay that is on this page: the processor's own script has to come, and who has just been
// at the processor is not asked to pay once more.

import { takeCard } from "./card";
import { sayMissing, showChecking } from "./checking";
import { main } from "./page";

/** What the server leaves of a processor's additions to the address. */
const RETURNED = "#returned";

export function showWay(): void {
  const returned = location.hash === RETURNED;
  if (returned) history.replaceState(history.state, "", location.pathname + location.search);
  const form = main().querySelector<HTMLFormElement>(".card-form");
  void loadScript().then(() => form && takeCard(form), sayMissing);
  // whether a card has paid, Stripe tells at once
  if (returned && form === null) showChecking(false);
}

/** The processor's own script, where the way needs one. Rejects when it does not come. */
function loadScript(): Promise<void> {
  const url = main().querySelector<HTMLElement>(".way")?.dataset["script"];
  if (!url) return Promise.resolve();
  return new Promise((came, failed) => {
    const script = document.createElement("script");
    script.src = url;
    script.addEventListener("load", () => came());
    script.addEventListener("error", failed);
    document.head.append(script);
  });
}
