// Owns that every link of the page leads under the path which a reverse proxy gives the agent. The agent adds this file to
// the page only where there is such a path. Must not know which links there are.
(() => {
  const base = document.querySelector('meta[name="base-path"]').content;
  const put = () => {
    for (const link of document.querySelectorAll('a[href^="/"]')) {
      const path = link.getAttribute("href");
      if (path !== base && !path.startsWith(base + "/") && !path.startsWith("//")) {
        link.setAttribute("href", base + path);
      }
    }
  };
  new MutationObserver(put).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["href"] });
})();
