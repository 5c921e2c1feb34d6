// Pace of renderings: at most one in an animation frame, and expensive ones spaced, so that input stays smooth.

/** Work of a frame in milliseconds above which renderings are spaced, and the longest pause between them. */
const RENDER_MS = 5;
const RENDER_PAUSE_MS = 1500;

function afterFrame(task) {
  const { port1, port2 } = new MessageChannel();
  port2.onmessage = () => {
    port2.close();
    task();
  };
  port1.postMessage(null);
}

export class RenderPace {
  /** `render()` renders the view; `isSpaced()` is true while renderings may wait. */
  constructor(render, isSpaced) {
    this.render = render;
    this.isSpaced = isSpaced;
    this.frame = null;
    this.last = 0;
    this.cost = 0;
  }

  /** Renders at the next animation frame, or after a pause. */
  request() {
    if (this.frame !== null) return;
    const tick = (now) => {
      if (this.cost > RENDER_MS && this.isSpaced() && now - this.last < Math.min(this.cost * 30, RENDER_PAUSE_MS)) {
        this.frame = requestAnimationFrame(tick);
        return;
      }
      this.frame = null;
      this.last = now;
      this.render();
      // The next task runs after the view is rendered, laid out and painted.
      const start = performance.now();
      afterFrame(() => {
        this.cost = performance.now() - start;
      });
    };
    this.frame = requestAnimationFrame(tick);
  }

  cancel() {
    if (this.frame !== null) cancelAnimationFrame(this.frame);
    this.frame = null;
  }
}
