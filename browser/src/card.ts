// Stripe's own card form on our page. What is typed stays in Stripe's frame and goes from there to
// Stripe; this page learns only whether it was taken. Our server hears it from Stripe itself.

import { sayMissing, showChecking } from "./checking";
import { hold, release } from "./forms";
import { ask } from "./network";

// Of Stripe.js, what is used here (docs.stripe.com/js).
interface Stripe {
  elements(options: object): Elements;
  retrievePaymentIntent(clientSecret: string): Promise<Answer>;
  confirmPayment(options: object): Promise<Answer>;
}
interface Elements {
  create(type: "payment", options: object): PaymentElement;
}
interface PaymentElement {
  mount(place: HTMLElement): void;
  on(event: "ready" | "loaderror", then: () => void): void;
}
interface Answer {
  paymentIntent?: Intent;
  error?: Failure;
}
interface Intent {
  status: string;
  last_payment_error?: Failure | null;
}
interface Failure {
  type?: string;
  payment_intent?: Intent;
  code?: string;
  decline_code?: string;
}
declare const Stripe: (publishableKey: string, options: object) => Stripe;

/** In these the payer has done what there was to do. */
const PAID = new Set(["processing", "requires_capture", "succeeded"]);

/** Errors of these types are answers; after all others nobody here knows what Stripe has done. */
const ANSWERED = new Set(["card_error", "invalid_request_error", "validation_error"]);

/** Shows the form, or that the payment is being confirmed. Stripe.js is here. */
export async function takeCard(form: HTMLFormElement): Promise<void> {
  const place = form.querySelector<HTMLElement>(".element");
  const button = form.querySelector("button");
  const { key, secret } = form.dataset;
  if (!place || !button || !key || !secret) return;

  try {
    const stripe = Stripe(key, { locale: document.documentElement.lang });
    const { paymentIntent: intent } = await stripe.retrievePaymentIntent(secret);
    if (intent && PAID.has(intent.status)) {
      await done(intent.status, true);
      return;
    }
    const elements = stripe.elements({ clientSecret: secret, appearance: appearance() });
    form.hidden = false;
    if (intent?.last_payment_error) sayWhy(form, intent.last_payment_error);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (button.getAttribute("aria-disabled") !== "true") void pay(stripe, elements, form, button);
    });
    // Wallets would need to load the scripts of other hosts.
    const never = { applePay: "never", googlePay: "never" };
    const element = elements.create("payment", { layout: "tabs", wallets: never });
    element.on("loaderror", () => {
      form.hidden = true;
      sayMissing();
    });
    element.mount(place);
  } catch {
    form.hidden = true;
    sayMissing();
  }
}

async function pay(
  stripe: Stripe,
  elements: Elements,
  form: HTMLFormElement,
  button: HTMLButtonElement,
): Promise<void> {
  hold(button);
  sayWhy(form);
  const answer: Promise<Answer> = stripe.confirmPayment({
    elements,
    confirmParams: { return_url: location.href },
    redirect: "if_required",
  });
  const { error, paymentIntent } = await answer.catch((): Answer => ({ error: {} }));
  const { status } = paymentIntent ?? error?.payment_intent ?? { status: "" };
  const paid = PAID.has(status);
  if (error && !paid && ANSWERED.has(error.type ?? "")) sayWhy(form, error);
  else await done(status, paid);
  release();
}

/** Tells the server as a return from Stripe would: it asks there, soon. What it says, `Watch` sees. */
async function done(status: string, sure: boolean): Promise<void> {
  showChecking(sure);
  const back = new URL(location.href);
  back.searchParams.set("redirect_status", status);
  // should this get lost, Stripe's own message tells
  await ask(back.href).catch(() => undefined);
}

/** Our own words for what went wrong; none takes the old ones away. */
function sayWhy(form: HTMLFormElement, failure?: Failure): void {
  const shown = form.querySelector(".trouble");
  if (shown === null) return;
  const { decline_code, code, type } = failure ?? {};
  const words = [decline_code, code, type, "default"]
    .filter((each) => each !== undefined)
    .map((each) => form.querySelector(`[data-codes~="${CSS.escape(each)}"]`))
    .find((each) => each !== null);
  shown.textContent = failure ? (words?.textContent ?? "") : "";
}

/** Stripe's form in the colours and type of this page. */
function appearance(): object {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  return {
    theme: matchMedia("(prefers-color-scheme: dark)").matches ? "night" : "stripe",
    variables: {
      colorPrimary: color("--brand"),
      colorBackground: color("--paper"),
      colorText: color("--ink"),
      colorTextSecondary: color("--soft"),
      colorDanger: color("--bad"),
      borderRadius: "8px",
      fontFamily: "system-ui, sans-serif",
      fontSizeBase: "16px",
    },
  };
}
