// What stands in the place of a way to pay while it must not be used, or cannot be.

import { main, say } from "./page";

/** After so long without news the payer may not have paid at all. */
const CHECKING_MAX_MS = 20_000;

/** Puts "confirming" in the place of the way: for good when it is `sure` that the payer has paid, or
 * else until there should have been news. */
export function showChecking(sure: boolean): void {
  const checking = main().querySelector<HTMLElement>(".checking");
  const way = main().querySelector<HTMLElement>(".way");
  if (checking === null || way === null) return;
  const show = (on: boolean): void => {
    checking.hidden = !on;
    way.hidden = on;
  };
  show(true);
  say(checking.textContent ?? "");
  if (!sure) setTimeout(show, CHECKING_MAX_MS, false);
}

/** Tells that the processor's part of the page did not come; another try loads the page anew. */
export function sayMissing(): void {
  const again = main().querySelector<HTMLElement>(".again");
  const words = main().querySelector<HTMLElement>(".loading");
  if (again === null || words === null) return;
  words.hidden = again.hidden = false;
  again.addEventListener("click", () => location.reload());
}
