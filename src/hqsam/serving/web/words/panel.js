/** Finds objects by words. Loaded only where the server has a detector. */
/** @import { App } from "../main.js" */
import { api, send } from "../api.js";
import { find, make } from "../panels/dom.js";
import { propose } from "../panels/everything.js";
import { waitForJob } from "../panels/jobs.js";

/** Puts the field onto the page. @param {App} app */
export function openWords(app) {
  const { models, notices, store } = app;
  const aria = { label: "Find objects by words" };
  const input = make("input", { placeholder: "Find: cup, spoon", title: 'Find by words (")', aria });
  const button = make("button", { textContent: "Find" });
  const list = make("div", { role: "group", aria: { label: "Found by words" } });
  const form = make("form", { className: "words" }, input, button, list);
  document.head.append(make("link", { rel: "stylesheet", href: "web/words/words.css" }));
  find("#objects header").after(form);
  let job = null;

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (job) api.cancelJob(job.id).catch(() => {});
    else search();
  });
  input.addEventListener("keydown", ({ key }) => key === "Escape" && find("#canvas").focus());
  const show = () => list.replaceChildren(...store.proposals.filter(({ class_name }) => class_name).map(asButton));
  store.on(["proposals", "image"], show);

  async function search() {
    const { image } = store;
    const labels = input.value.split(",").map((word) => word.trim()).filter(Boolean);
    if (!image || !labels.length) return;
    const end = notices.begin(`Looking for ${labels.join(", ")}`);
    button.textContent = "Stop";
    try {
      job = await send("POST", `/images/${image.id}/text`, { ...models.selection, labels });
      const { masks, model } = await waitForJob(job, () => {});
      const offer = ({ rle, score, label, prompt_score }) => {
        const prompts = [{ text: label, score: prompt_score }];
        return { ...models.selection, model, rle, score, class_name: label, colour: null, prompts };
      };
      if (image.id === store.image?.id) propose(app, masks.map(offer));
    } catch (error) {
      notices.failed(error);
    }
    job = null;
    button.textContent = "Find";
    end();
  }

  function asButton(one) {
    const [box, mask] = [one.prompts[0].score, one.score].map((score) => score.toFixed(2));
    const words = { textContent: `${one.class_name} ${box} · ${mask}`, title: `Detector ${box}, mask ${mask}` };
    return make("button", { type: "button", ...words, onclick: () => store.keepProposals([one]) });
  }
}
