// A stand-in for Stripe's Buy Button: an element with a frame of Stripe's in it, always 288 px wide.
customElements.define(
  "stripe-buy-button",
  class extends HTMLElement {
    connectedCallback() {
      const frame = document.createElement("iframe");
      frame.title = "Buy button";
      frame.style.setProperty("width", "288px", "important");
      frame.style.setProperty("height", "44px", "important");
      frame.style.setProperty("border", "none", "important");
      const names = ["buy-button-id", "publishable-key", "client-reference-id"];
      const told = names.map((name) => [name, this.getAttribute(name)]);
      const query = new URLSearchParams(told);
      frame.src = `https://js.stripe.com/v3/buy-button-app.html?${query}`;
      this.attachShadow({ mode: "open" }).append(frame);
    }
  },
);
