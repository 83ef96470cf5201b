// What a checkout page does beyond its HTML: it keeps itself up to date, counts down the time left
// to pay, goes back to the merchant after success, and sends a payment only once.
// Without this script every page still works by forms, links and refreshes.

import { keepTime } from "./deadline";
import { guardForms } from "./forms";
import { Watch } from "./live";
import { countDownToReturn } from "./returning";
import { showWay } from "./way";

const watch = new Watch(() => {
  keepTime(lookAgain);
  countDownToReturn();
});
guardForms(watch);
showWay();
keepTime(lookAgain);

// Who comes back here by the browser's own button has been returned once already.
const [arrival] = performance.getEntriesByType("navigation");
if ((arrival as PerformanceNavigationTiming | undefined)?.type !== "back_forward") {
  countDownToReturn();
}

function lookAgain(): void {
  void watch.look();
}
