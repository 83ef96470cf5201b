// Starts the API document's viewer. The page has loaded swagger-ui-bundle.js before this script.

interface ViewerOptions {
  url: string;
  domNode: Element;
  deepLinking: boolean;
  // The viewer would send the document to a validator on another host, unless told not to.
  validatorUrl: null;
}

declare const SwaggerUIBundle: (options: ViewerOptions) => unknown;

const viewer = document.querySelector("#viewer");
if (viewer !== null) {
  SwaggerUIBundle({
    url: "/v1/openapi.json",
    domNode: viewer,
    deepLinking: true,
    validatorUrl: null,
  });
}
