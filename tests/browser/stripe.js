// A stand-in for Stripe.js: the calls that a checkout makes, with the frames and requests that they
// cause, at the addresses of the real one. What is typed stays in the frame.
(() => {
  const HOST = "https://js.stripe.com";
  const API = "https://api.stripe.com/v1/payment_intents";
  // Stripe's test numbers: good, without enough money, and one whose bank wants to be asked.
  const METHODS = {
    4242424242424242: "pm_card_visa",
    4000000000009995: "pm_card_chargeDeclined",
    4000002500003155: "pm_card_visa",
  };
  const REDIRECTS = "4000002500003155";
  const UNPAYABLE = ["succeeded", "processing", "requires_capture", "canceled"];

  window.Stripe = (key, options) => {
    if (!/^pk_(test|live)_/.test(key)) throw new Error("IntegrationError: no publishable key");
    const call = async (path, params, method = "POST") => {
      const form = new URLSearchParams({ key, ...params });
      // in the address, where the test sees it in every browser
      const answer = await fetch(`${API}/${path}?${form}`, { method });
      const said = await answer.json();
      return answer.ok ? { paymentIntent: said } : { error: said.error };
    };
    const idOf = (secret) => secret.split("_secret_")[0];
    const retrievePaymentIntent = (secret) =>
      call(idOf(secret), { client_secret: secret }, "GET");

    return {
      retrievePaymentIntent,
      elements({ clientSecret, appearance }) {
        return {
          clientSecret,
          create(type, { layout, wallets }) {
            if (type !== "payment") throw new Error("IntegrationError: no such element");
            return (this.element = new PaymentElement(options, appearance, () =>
              retrievePaymentIntent(clientSecret),
            ));
          },
        };
      },
      async confirmPayment({ elements, confirmParams, redirect }) {
        if (redirect !== "if_required" || !confirmParams.return_url) throw new Error("IntegrationError");
        const number = await elements.element.number();
        if (!(number in METHODS)) return { error: { type: "validation_error", code: "incomplete_number" } };
        const secret = elements.clientSecret;
        const params = { client_secret: secret, payment_method: METHODS[number] };
        const answer = await call(`${idOf(secret)}/confirm`, params);
        if (number !== REDIRECTS || answer.error) return answer;
        const back = new URL(confirmParams.return_url);
        back.searchParams.set("payment_intent", idOf(secret));
        back.searchParams.set("payment_intent_client_secret", secret);
        back.searchParams.set("redirect_status", "succeeded");
        location.assign(back);
        return new Promise(() => {});
      },
    };
  };

  class PaymentElement {
    constructor(options, appearance, intent) {
      this.told = { ready: [], loaderror: [] };
      this.intent = intent;
      this.frame = document.createElement("iframe");
      this.frame.title = "Secure payment input frame";
      this.frame.name = "card";
      const look = new URLSearchParams({ lang: options.locale, ...appearance.variables });
      this.frame.src = `${HOST}/v3/elements-inner-payment.html?${look}`;
      this.frame.style.cssText = "border: 0; width: 100%; height: 14rem; color-scheme: auto";
    }
    on(event, then) {
      this.told[event].push(then);
    }
    mount(place) {
      place.append(this.frame);
      this.frame.addEventListener("load", async () => {
        const { paymentIntent } = await this.intent().catch(() => ({}));
        const bad = !paymentIntent || UNPAYABLE.includes(paymentIntent.status);
        for (const then of this.told[bad ? "loaderror" : "ready"]) then();
      });
    }
    number() {
      const { port1, port2 } = new MessageChannel();
      this.frame.contentWindow.postMessage("number", HOST, [port2]);
      return new Promise((done) => (port1.onmessage = ({ data }) => done(data.replaceAll(" ", ""))));
    }
  }
})();
