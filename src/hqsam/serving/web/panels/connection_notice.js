/** Shows, as long as it lasts, that there is no server, or one that no longer knows this page. */
import { connection } from "../api.js";
import { find } from "./dom.js";

const OFFLINE =
  "The server does not answer. Go on if you like: what you keep waits in this browser and is sent when it is back.";
const UNAUTHORIZED =
  "The server was started again. Open the address that it printed; what was not sent is kept in this browser.";

/** @param {import("./notices.js").Notices} notices */
export function watchConnection(notices) {
  const show = (words) => {
    find("#connection-notice p").textContent = words;
    find("#connection-notice").hidden = !words;
  };
  connection.on("offline", () => show(OFFLINE));
  connection.on("unauthorized", () => show(UNAUTHORIZED));
  connection.on("online", () => {
    show("");
    notices.say("The server is back.");
  });
}
