// Shows the document that the page names. Everything comes from beside the page.
const place = document.getElementById("reference");
const mono = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace";
const sans = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

Redoc.init(
  place.dataset.document,
  {
    disableSearch: false,
    expandResponses: "200,201,202",
    hideHostname: true,
    jsonSampleExpandLevel: 3,
    nativeScrollbars: true,
    requiredPropsFirst: true,
    scrollYOffset: 48,
    theme: {
      colors: { primary: { main: "#0b5cad" } },
      typography: {
        fontFamily: sans,
        headings: { fontFamily: sans, fontWeight: "600" },
        code: { fontFamily: mono },
      },
      rightPanel: { backgroundColor: "#1d2733" },
    },
  },
  place,
);
