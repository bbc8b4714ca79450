/* The browser's part: theme, size, keys, the pointer's readout, pictures of a view. */
(function () {
  "use strict";

  const root = document.documentElement;
  const no = () => window.dash_clientside.no_update;
  const byId = (id) => document.getElementById(id);
  const plot = (id) => document.querySelector(`#${id} .js-plotly-plot`);
  const set = (id, props) => window.dash_clientside.set_props(id, props);
  const trigger = () => window.dash_clientside.callback_context.triggered_id;

  // -- light and dark: what was chosen here before, else what the system prefers ------------------------------------

  const system = window.matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  try {
    chosen = window.localStorage.getItem("n1-theme");
  } catch (error) {
    chosen = null; // no storage: the system decides each time
  }
  const isDark = () => (chosen ? chosen === "dark" : system.matches);
  const paint = () => {
    root.dataset.theme = isDark() ? "dark" : "light";
  };
  paint();
  system.addEventListener("change", () => {
    paint();
    set("dark", { data: isDark() });
  });

  function toggleTheme() {
    chosen = isDark() ? "light" : "dark";
    try {
      window.localStorage.setItem("n1-theme", chosen);
    } catch (error) {
      /* it holds for this page */
    }
    paint();
    return isDark();
  }

  // -- the canvas's size ----------------------------------------------------------------------------------------------

  const TOP = 118; // pixels above the plot at most: the rest scrolls
  function size() {
    const canvas = byId("canvas");
    const style = window.getComputedStyle(canvas);
    const width = canvas.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const above = Math.min(byId("main").getBoundingClientRect().top + canvas.scrollTop, TOP);
    return { width: Math.round(width), height: Math.round(Math.max(420, window.innerHeight - above - 16)) };
  }
  let timer = null;
  let last = null;
  window.addEventListener("resize", () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => {
      const now = size();
      if (!last || Math.abs(now.width - last.width) > 4 || Math.abs(now.height - last.height) > 60) {
        last = now;
        set("size", { data: now });
      }
    }, 200);
  });

  // -- keys -----------------------------------------------------------------------------------------------------------

  const KEYS = new Set([..."123456[]0+-=ormpsd?,.", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Escape"]);
  const FIELDS = "input:not([type=radio]), textarea, [role=slider], .dash-dropdown, .dash-dropdown-content";
  let pressed = 0;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input.dash-range-slider-input")) event.target.blur(); // it takes it
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(FIELDS) || !KEYS.has(event.key)) return;
    if (event.target.type === "radio" && event.key.startsWith("Arrow")) return; // it chooses the next one
    event.preventDefault();
    if (event.key === "?") byId("help").hidden = !byId("help").hidden;
    else if (event.key === "Escape") {
      byId("help").hidden = true;
      byId("app").classList.remove("open");
    } else if (event.key === "d") set("dark", { data: toggleTheme() });
    else set("key", { data: { key: event.key === "=" ? "+" : event.key, count: ++pressed } });
  });

  // -- the readout: which sample of which channel the pointer is at ---------------------------------------------------

  const number = (value, digits) =>
    value === null || value === undefined || Number.isNaN(value)
      ? "none"
      : Number(value).toLocaleString("en", { maximumFractionDigits: digits });

  function moment(meta, seconds) {
    const sample = seconds * meta.rate;
    if (meta.width <= 1) return `sample ${number(Math.round(sample), 0)}, ${seconds.toFixed(5)} s`;
    const first = Math.floor(sample / meta.width) * meta.width;
    return `samples ${number(first, 0)} to ${number(first + meta.width - 1, 0)}, ${seconds.toFixed(5)} s`;
  }

  function describe(meta, point) {
    const row = meta.names[Math.round(point.y) - (meta.first || 0)];
    switch (meta.readout) {
      case "lines":
        return [meta.names[point.curveNumber], moment(meta, point.x), `value ${number(point.y, 0)}`];
      case "rows":
        return [row, moment(meta, point.x), `value ${number(point.z, 0)}`];
      case "cells":
        if (point.curveNumber !== 0) return null;
        return [row, meta.names[Math.round(point.x) - meta.first], `r = ${number(point.z, 4)}`];
      case "frequencies":
        return [row, `${number(point.x, 3)} kHz`, `${number(point.z, 1)} dB`];
      case "blocks":
        if (point.curveNumber !== 0) return null;
        return [row, `${number(point.x, 3)} s`, `${number(point.z, 3)} bits per sample`];
      default:
        return null;
    }
  }

  // -- while the mouse pans: each plot's y range follows what is visible of its line -----------------------------------

  function nice(low, high) {
    // as style.nice has it, so that nothing jumps when the server answers
    if (low === high) return nice(low - 1, high + 1);
    const span = high - low;
    const unit = 10 ** Math.floor(Math.log10(span));
    const step = unit * ([0.1, 0.2, 0.5].find((part) => span / (part * unit) <= 12) || 1);
    return [Math.floor((low - 0.03 * span) / step) * step, Math.ceil((high + 0.03 * span) / step) * step];
  }

  function visible(points, from, to) {
    let low = Infinity;
    let high = -Infinity;
    for (const point of points)
      if (point.x >= from && point.x <= to) {
        if (point.y < low) low = point.y;
        if (point.y > high) high = point.y;
      }
    return [low, high];
  }

  function follow(graph, from, to) {
    const ranges = new Map();
    graph.calcdata.forEach((points, index) => {
      const [low, high] = visible(points, from, to);
      const name = graph.data[index].yaxis.replace("y", "yaxis");
      const [least, most] = ranges.get(name) || [Infinity, -Infinity];
      ranges.set(name, [Math.min(low, least), Math.max(high, most)]);
    });
    const changes = {};
    for (const [name, [low, high]] of ranges) {
      if (!(low <= high)) continue;
      const range = nice(low, high);
      const now = graph.layout[name].range;
      if (range[0] !== now[0] || range[1] !== now[1]) changes[`${name}.range`] = range;
    }
    if (Object.keys(changes).length) window.Plotly.relayout(graph, changes);
  }

  function listen(graph) {
    if (graph.n1) return;
    graph.n1 = true;
    let next = null; // the range to follow in the next frame
    graph.on("plotly_relayouting", (event) => {
      const meta = graph.layout.meta;
      const range = [event["xaxis.range[0]"], event["xaxis.range[1]"]];
      if (!meta || meta.readout !== "lines" || graph.layout.dragmode !== "pan" || range[0] === undefined) return;
      if (!next)
        window.requestAnimationFrame(() => {
          const [from, to] = next;
          next = null;
          follow(graph, from, to);
        });
      next = range;
    });
    const box = byId("pointer");
    graph.on("plotly_hover", (event) => {
      const meta = graph.layout.meta;
      const lines = meta && describe(meta, event.points[0]);
      if (!lines) {
        box.hidden = true;
        return;
      }
      box.replaceChildren(
        ...lines.map((text, index) => {
          const line = document.createElement(index ? "div" : "b");
          line.textContent = text;
          return line;
        })
      );
      box.hidden = false;
      const left = Math.min(event.event.clientX + 16, window.innerWidth - box.offsetWidth - 8);
      const top = Math.min(event.event.clientY + 16, window.innerHeight - box.offsetHeight - 8);
      box.style.left = `${left}px`;
      box.style.top = `${top}px`;
    });
    graph.on("plotly_unhover", () => {
      box.hidden = true;
    });
  }

  // -- files that are too large are not sent: the component that takes them would pass over them in silence ------------

  function refuse(event, files) {
    if (!event.target.closest("#drop")) return;
    const most = Number(byId("trouble").dataset.most);
    const large = files.find((file) => file.size > most);
    const all = files.reduce((sum, file) => sum + file.size, 0);
    if (!large && all <= 3 * most) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const what = large ? `${large.name}: it is larger than ${most >> 20} MB` : `these are more than ${(3 * most) >> 20} MB`;
    set("trouble", { children: `${what} (name ${large ? "it" : "them"} on the command line)` });
  }
  document.addEventListener("change", (event) => refuse(event, [...(event.target.files || [])]), true);
  document.addEventListener("drop", (event) => refuse(event, [...event.dataTransfer.files]), true);

  // -- what the page calls --------------------------------------------------------------------------------------------

  function picture(kind) {
    const graph = plot("main");
    const title = byId("title").textContent.toLowerCase().replaceAll(" ", "-");
    if (graph)
      window.Plotly.downloadImage(graph, {
        format: kind,
        width: graph.clientWidth,
        height: graph.clientHeight,
        scale: kind === "png" ? 2 : 1,
        filename: `n1codec-${title}`,
      });
    return no();
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    n1: {
      remember: (query) => {
        if (typeof query === "string") window.history.replaceState(null, "", window.location.pathname + query);
      },
      theme: (one, other) => (one || other ? toggleTheme() : isDark()),
      measure: () => {
        last = size();
        return last;
      },
      menu: (clicks) => {
        if (trigger() === "menu" && clicks) byId("app").classList.toggle("open");
        else byId("app").classList.remove("open");
      },
      help: (open) => {
        byId("help").hidden = trigger() !== "help-open" || !open;
      },
      png: (clicks) => (clicks ? picture("png") : no()),
      svg: (clicks) => (clicks ? picture("svg") : no()),
      drawn: () => {
        byId("pointer").hidden = true;
        const attach = () => {
          const graph = plot("main");
          if (graph && graph.on) listen(graph);
          else window.setTimeout(attach, 60);
        };
        attach();
      },
    },
  });
})();
