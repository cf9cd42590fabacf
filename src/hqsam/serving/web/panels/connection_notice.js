/** What stays on the page as long as it lasts: no server, or one that no longer knows this page. */
import { connection } from "../api.js";
import { find } from "./dom.js";

const OFFLINE =
  "The server does not answer. Go on if you like: what you keep waits in this browser and is sent when it is back.";
const UNAUTHORIZED =
  "The server was started anew. Open the address that it printed; what was not sent is kept in this browser.";

export function watchConnection(status) {
  const show = (words) => {
    find("#trouble p").textContent = words;
    find("#trouble").hidden = !words;
  };
  connection.addEventListener("offline", () => show(OFFLINE));
  connection.addEventListener("unauthorized", () => show(UNAUTHORIZED));
  connection.addEventListener("online", () => {
    show("");
    status.say("The server is back.");
  });
}
