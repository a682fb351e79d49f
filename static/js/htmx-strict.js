"use strict";
// htmx as this site allows it. htmx 4 has no switch for evaluation: hx-on, js: values and trigger filters compile text
// with Function. The Content-Security-Policy refuses that already; here htmx itself loses the means, so that it does
// not hang on a header alone. The policy is how htmx may parse answers of this site where the header demands a trusted
// type: HTML as it came, and never a script that came with it.
(() => {
  function Refused() { throw new Error("This site evaluates no text as code."); }
  const rules = { createHTML: (text) => text, createScript: () => "" };
  const policy = window.trustedTypes?.createPolicy("htmx", rules) ?? rules;
  window.htmx.registerExtension("strict", { init: (api) => api.initSecurity(policy, Refused, Refused) });
})();
