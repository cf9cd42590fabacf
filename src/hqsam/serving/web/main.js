/** Puts the page together. Read this first: every part is made here, and told of those it needs. */
import { keyTable, listen } from "./keys.js";
import { Arrivals } from "./panels/arrivals.js";
import { Controls } from "./panels/controls.js";
import { find } from "./panels/dom.js";
import { DraftBar } from "./panels/draft_bar.js";
import { EverythingDialog } from "./panels/everything.js";
import { ExportDialog } from "./panels/export.js";
import { Gallery } from "./panels/gallery.js";
import { HelpDialog } from "./panels/help.js";
import { Models } from "./panels/models.js";
import { ObjectsPanel } from "./panels/objects.js";
import { Pages } from "./panels/pages.js";
import { Status } from "./panels/status.js";
import { watchTrouble } from "./panels/trouble.js";
import { settings } from "./settings.js";
import { Toolbox } from "./tools/toolbox.js";
import { Gestures } from "./view/gestures.js";
import { KeyboardPointer } from "./view/keyboard_pointer.js";
import { Scene } from "./view/scene.js";
import { Viewport } from "./view/viewport.js";
import { Asking } from "./work/asking.js";
import { Bench } from "./work/bench.js";
import { Classes } from "./work/classes.js";
import { Commands } from "./work/commands.js";
import { Drafting } from "./work/drafting.js";
import { Peeking } from "./work/peeking.js";
import { Saving } from "./work/saving.js";

const stage = find("#stage");

/** All parts by name; also for the browser's console. */
export const work = {
  settings,
  status: new Status(find("#status")),
  viewport: new Viewport(),
  classes: new Classes(),
  saving: new Saving(),
};

work.models = new Models(work.status);
work.bench = new Bench(work.saving, work.classes);
work.asking = new Asking(() => work.models.asked);
work.peeking = new Peeking(work);
work.drafting = new Drafting(work);
work.scene = new Scene({ element: stage, ...work });
work.toolbox = new Toolbox(work);
work.gestures = new Gestures(stage, work.viewport, work.toolbox);
work.gallery = new Gallery();
work.pages = new Pages(work);
work.objects = new ObjectsPanel(work.bench, work.classes, work.saving);
work.arrivals = new Arrivals(work);
new KeyboardPointer(stage, work);
new DraftBar(work);
work.dialogs = {
  help: new HelpDialog(),
  everything: new EverythingDialog(work),
  export: new ExportDialog({ ...work, bring: (files) => work.arrivals.importAll(files) }),
};
work.commands = new Commands(work);
new Controls(work);
const keys = keyTable(work);
work.dialogs.help.fill(keys);
listen(keys);
watchTrouble(work.status);

const { arrivals, bench, gallery, pages, saving, status } = work;
arrivals.addEventListener("images", ({ detail: image }) =>
  gallery.fetch().then(() => bench.image ?? pages.show(image)),
);
arrivals.addEventListener("objects", () => bench.image && bench.fetchObjects());
saving.addEventListener("problem", ({ detail }) => status.fail(detail));
bench.addEventListener("objects", () => gallery.count(bench.image, bench.objects.length));
start().catch((error) => status.fail(error.message));

async function start() {
  await Promise.all([work.models.fetch(), work.classes.fetch(), gallery.fetch()]);
  saving.send();
  const asked = gallery.images.find(({ id }) => `#${id}` === location.hash);
  const image =
    asked ?? gallery.images.find(({ status, problem }) => status === "todo" && !problem) ?? gallery.images[0];
  find("#empty").hidden = Boolean(image);
  bench.addEventListener("image", () => (find("#empty").hidden = true));
  if (image) await pages.show(image);
}
