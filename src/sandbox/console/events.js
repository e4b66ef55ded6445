// The stream of server-sent events.

/** The pause before a new attempt if the browser gives up, which it does when a gateway answers instead of the sandbox. */
const RETRY_PAUSE = 3_000;

/**
 * Calls `handlers[type](data)` for each event, and `onState(isOpen)` when the stream opens or breaks.
 *
 * Browsers open at most six connections to a server over HTTP/1.1, for all tabs together. A hidden tab therefore closes
 * its stream; `onState(true)` after it is shown again is the time to fetch what it has missed.
 */
export function subscribe(handlers, onState) {
  let source = null;

  function open() {
    if (source) return;
    source = new EventSource('/sandbox/events');
    source.addEventListener('open', () => onState(true));
    source.addEventListener('error', () => {
      onState(false);
      if (source?.readyState === EventSource.CLOSED) retry();
    });
    for (const [type, handle] of Object.entries(handlers)) {
      source.addEventListener(type, (event) => handle(JSON.parse(event.data)));
    }
  }

  function close() {
    source?.close();
    source = null;
  }

  /** Opens the stream again, unless the page is hidden by then. */
  function retry() {
    close();
    setTimeout(() => document.hidden || open(), RETRY_PAUSE);
  }

  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  window.addEventListener('pagehide', close);
  window.addEventListener('pageshow', () => document.hidden || open());
  if (!document.hidden) open();
}
