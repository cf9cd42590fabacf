/** Read this first: makes every part, in the order in which they need each other. */
import { api } from "./api.js";
import { KeyTable } from "./keys.js";
import { ClassList } from "./panels/class_list.js";
import { ClassesDialog } from "./panels/classes_dialog.js";
import { watchConnection } from "./panels/connection_notice.js";
import { Controls } from "./panels/controls.js";
import { find } from "./panels/dom.js";
import { DraftBar } from "./panels/draft_bar.js";
import { EverythingDialog } from "./panels/everything.js";
import { ExportDialog } from "./panels/export.js";
import { FileImport } from "./panels/file_import.js";
import { Gallery } from "./panels/gallery.js";
import { HelpDialog } from "./panels/help.js";
import { ImageNavigation } from "./panels/image_navigation.js";
import { Models } from "./panels/models.js";
import { Notices } from "./panels/notices.js";
import { ObjectsPanel } from "./panels/objects.js";
import { settings } from "./settings.js";
import { AnnotationStore } from "./state/annotation_store.js";
import { Classes } from "./state/classes.js";
import { Commands } from "./state/commands.js";
import { DraftEditor } from "./state/draft_editor.js";
import { HoverPreview } from "./state/hover_preview.js";
import { MaskPredictor } from "./state/mask_predictor.js";
import { SaveQueue } from "./state/save_queue.js";
import { Toolbox } from "./tools/toolbox.js";
import { Gestures } from "./view/gestures.js";
import { KeyboardPointer } from "./view/keyboard_pointer.js";
import { Renderer } from "./view/renderer.js";
import { Viewport } from "./view/viewport.js";

/** All parts. A part takes those that it needs when it is made, or the whole app where it needs later ones. */
export class App {
  settings = settings;
  notices = new Notices(find("#status"), find("#failures"));
  viewport = new Viewport();
  classes = new Classes();
  saveQueue = new SaveQueue();
  models = new Models(this.notices);
  predictor = new MaskPredictor(this.models);
  store = new AnnotationStore(this);
  draftEditor = new DraftEditor(this);
  hoverPreview = new HoverPreview(this);
  renderer = new Renderer(find("#canvas"), this);
  toolbox = new Toolbox(this);
  gestures = new Gestures(find("#canvas"), this);
  keyboardPointer = new KeyboardPointer(find("#canvas"), this);
  gallery = new Gallery(this.classes);
  navigation = new ImageNavigation(this);
  objects = new ObjectsPanel(this);
  classList = new ClassList(this);
  draftBar = new DraftBar(this);
  fileImport = new FileImport(this);
  dialogs = {
    help: new HelpDialog(),
    everything: new EverythingDialog(this),
    export: new ExportDialog(this),
    classes: new ClassesDialog(this),
  };
  commands = new Commands(this);
  controls = new Controls(this);
  keys = new KeyTable(this);

  constructor() {
    this.dialogs.help.fill(this.keys.sections);
    watchConnection(this.notices);
    const { store, gallery, notices } = this;
    this.fileImport.on("image", (image) => this.#added(image));
    store.on("refetched", () => gallery.fetch());
    for (const part of [store, this.saveQueue]) part.on("problem", (message) => notices.fail(message));
    store.on("objects", () => store.image && gallery.count(store.image, store.objects.length));
  }

  async #added(image) {
    await this.gallery.fetch();
    if (!this.store.image) await this.navigation.show(image);
  }

  /** Fetches what the page needs, and opens the image of the address, else the last one, else the first that is to do. */
  async start() {
    const { gallery, store } = this;
    const project = await api.project().catch(() => null);
    if (project && settings.get("project") !== project.id) settings.reset("className");
    if (project) settings.set("project", project.id);
    if (project?.sequences) (await import("./sequence/panel.js")).openSequences(this);
    if (project?.detector) (await import("./words/panel.js")).openWords(this);
    await Promise.all([this.models.fetch(), this.classes.fetch(), gallery.fetch()]);
    this.saveQueue.send();
    const { images } = gallery;
    const image =
      (await openable(Number(location.hash.slice(1)) || project?.open_image)) ??
      images.find(({ status, problem }) => status === "todo" && !problem) ??
      images[0];
    if (image) await gallery.reach(image);
    find("#empty").hidden = Boolean(image);
    store.on("image", () => (find("#empty").hidden = true));
    if (image) await this.navigation.show(image);
  }
}

/** The image of that number, if it can be opened. @param {number | null} id */
async function openable(id) {
  const image = id && (await api.image(id).catch(() => null));
  return image && !image.problem ? image : null;
}

export const app = new App();
app.start().catch((error) => app.notices.fail(error.message));
