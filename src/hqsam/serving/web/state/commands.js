/** What Enter, Escape and the walk through the objects mean, by what is going on. */
import { isBlank } from "./draft.js";

export class Commands {
  #work;

  /** @param {object} work bench, toolbox, gestures and status */
  constructor(work) {
    this.#work = work;
  }

  /** Closes a line that is being drawn, or keeps the draft, or begins to correct the selected object. */
  enter() {
    const { bench, toolbox, status } = this.#work;
    if (!bench.image || toolbox.inHand.finish?.()) return;
    if (!isBlank(bench.draft)) {
      if (!bench.keep()) status.say("There is nothing in it to keep.");
      return;
    }
    const object = bench.object(bench.selected);
    if (object?.locked) status.say("It is locked.");
    else if (object) bench.correct(object.key);
  }

  /** Leaves off what is under way, else the draft, else what was found, else the selection. */
  escape() {
    const { bench, toolbox, gestures } = this.#work;
    const [wasGesture, wasTool] = [gestures.cancel(), toolbox.inHand.cancel?.()];
    if (wasGesture || wasTool || !bench.image) return;
    if (!isBlank(bench.draft)) bench.discard();
    else if (bench.found.length) bench.setFound([]);
    else bench.select(null);
  }

  walk(far) {
    const { bench, status } = this.#work;
    const { objects, selected } = bench;
    if (!objects.length) return;
    const place = objects.findIndex(({ key }) => key === selected);
    const next = place < 0 ? (far > 0 ? 0 : objects.length - 1) : (place + far + objects.length) % objects.length;
    bench.select(objects[next].key);
    status.say(`${objects[next].class_name}, ${next + 1} of ${objects.length}.`);
  }
}
