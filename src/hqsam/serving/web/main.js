/** Puts the page together. Read this first: every part is made here, and told of those it needs. */
import { keyTable, listen } from "./keys.js";
import { FileImport } from "./panels/file_import.js";
import { Controls } from "./panels/controls.js";
import { find } from "./panels/dom.js";
import { DraftBar } from "./panels/draft_bar.js";
import { EverythingDialog } from "./panels/everything.js";
import { ExportDialog } from "./panels/export.js";
import { Gallery } from "./panels/gallery.js";
import { HelpDialog } from "./panels/help.js";
import { Models } from "./panels/models.js";
import { ObjectsPanel } from "./panels/objects.js";
import { ImageNavigation } from "./panels/image_navigation.js";
import { Status } from "./panels/notices.js";
import { watchConnection } from "./panels/connection_notice.js";
import { settings } from "./settings.js";
import { Toolbox } from "./tools/toolbox.js";
import { Gestures } from "./view/gestures.js";
import { KeyboardPointer } from "./view/keyboard_pointer.js";
import { Renderer } from "./view/renderer.js";
import { Viewport } from "./view/viewport.js";
import { MaskPredictor } from "./state/mask_predictor.js";
import { AnnotationStore } from "./state/annotation_store.js";
import { Classes } from "./state/classes.js";
import { Commands } from "./state/commands.js";
import { DraftEditor } from "./state/draft_editor.js";
import { HoverPreview } from "./state/hover_preview.js";
import { SaveQueue } from "./state/save_queue.js";

const canvas = find("#canvas");

/** All parts by name; also for the browser's console. */
export const app = {
  settings,
  status: new Status(find("#status")),
  viewport: new Viewport(),
  classes: new Classes(),
  saveQueue: new SaveQueue(),
};

app.models = new Models(app.status);
app.store = new AnnotationStore(app.saveQueue, app.classes);
app.predictor = new MaskPredictor(() => app.models.selection);
app.hoverPreview = new HoverPreview(app);
app.draftEditor = new DraftEditor(app);
app.renderer = new Renderer({ element: canvas, ...app });
app.toolbox = new Toolbox(app);
app.gestures = new Gestures(canvas, app.viewport, app.toolbox);
app.gallery = new Gallery();
app.navigation = new ImageNavigation(app);
app.objects = new ObjectsPanel(app.store, app.classes, app.saveQueue);
app.fileImport = new FileImport(app);
new KeyboardPointer(canvas, app);
new DraftBar(app);
app.dialogs = {
  help: new HelpDialog(),
  everything: new EverythingDialog(app),
  export: new ExportDialog({ ...app, bring: (files) => app.fileImport.importAll(files) }),
};
app.commands = new Commands(app);
new Controls(app);
const keys = keyTable(app);
app.dialogs.help.fill(keys);
listen(keys);
watchConnection(app.status);

const { fileImport, store, gallery, navigation, saveQueue, status } = app;
fileImport.addEventListener("images", ({ detail: image }) =>
  gallery.fetch().then(() => store.image ?? navigation.show(image)),
);
fileImport.addEventListener("objects", () => store.image && store.fetchObjects());
saveQueue.addEventListener("problem", ({ detail }) => status.fail(detail));
store.addEventListener("objects", () => gallery.count(store.image, store.objects.length));
start().catch((error) => status.fail(error.message));

async function start() {
  await Promise.all([app.models.fetch(), app.classes.fetch(), gallery.fetch()]);
  saveQueue.send();
  const asked = gallery.images.find(({ id }) => `#${id}` === location.hash);
  const image =
    asked ?? gallery.images.find(({ status, problem }) => status === "todo" && !problem) ?? gallery.images[0];
  find("#empty").hidden = Boolean(image);
  store.addEventListener("image", () => (find("#empty").hidden = true));
  if (image) await navigation.show(image);
}
