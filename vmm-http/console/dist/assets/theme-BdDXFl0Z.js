// Sets the colours and the language before the first paint. It is a file of its own, so that no inline script is needed.
(function () {
  var root = document.documentElement;
  var stored = function (key) {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  };
  var theme = stored('vmm.theme');
  var dark = matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = theme === 'light' || theme === 'dark' ? theme : dark ? 'dark' : 'light';
  var language = stored('vmm.language') || (navigator.language || 'en').slice(0, 2);
  root.lang = language === 'de' ? 'de' : 'en';
})();
