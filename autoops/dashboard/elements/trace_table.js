// The list of traces. Rows are keyed, so that news changes them in place: focus, selection and scroll stay.
const SECOND = 1000;
const DAY = 86400 * SECOND;
const STATES = { open: "Running", interrupted: "Interrupted", ended: "" };

export default {
  template: `
    <div class="traces">
      <button v-if="waiting.length" type="button" class="news" @click="showNews" aria-live="polite">
        {{ waiting.length }}{{ waiting.length >= rows.length ? " or more" : "" }} new — show
      </button>
      <ul class="trace-list" @keydown="move">
        <li v-for="row in shown" :key="row.id" class="trace-row" :class="tone(row)" :data-trace="row.id">
          <span class="trace-mark" :title="STATES[row.state] || 'Ended'" aria-hidden="true"></span>
          <div class="trace-main">
            <a class="trace-name" :href="'/trace/' + row.id">{{ row.name }}</a>
            <span v-if="STATES[row.state]" class="badge" :class="row.state === 'open' ? 'is-live' : 'is-warning'">{{ STATES[row.state] }}</span>
            <span v-if="row.errors" class="badge is-bad">{{ row.errors }}</span>
            <span v-if="row.warnings" class="badge is-warning">{{ row.warnings }}</span>
            <span v-if="row.about" class="trace-about">{{ row.about }}</span>
            <div class="trace-context">
              <span v-for="agent in row.agents" :key="agent" class="trace-agent">{{ agent }}</span>
              <a v-if="row.session" class="trace-session" :href="row.sessionHref" :title="'Session ' + row.session">{{ row.session }}</a>
              <span v-for="tag in row.tags" :key="'#' + tag" class="trace-tag">{{ tag }}</span>
            </div>
          </div>
          <span class="trace-spans">{{ row.spans }}</span>
          <span class="trace-duration">{{ row.duration ?? elapsed(row) }}</span>
          <time class="trace-start" :datetime="new Date(row.startMs).toISOString()" :title="exact(row)">{{ ago(row) }}</time>
        </li>
      </ul>
    </div>`,
  props: { rows: Array, newest: Boolean, page: Number },
  data() {
    return { shown: this.rows, now: Date.now(), STATES };
  },
  computed: {
    waiting() {
      const known = new Set(this.shown.map((row) => row.id));
      return this.newest ? this.rows.filter((row) => !known.has(row.id)) : [];
    },
  },
  watch: {
    page() {
      this.shown = this.rows;
      window.scrollTo({ top: 0 });
    },
    rows(rows) {
      if (!this.isReading()) {
        this.shown = rows;
        return;
      }
      // What is on the screen learns of its own changes; what is new waits until it is asked for.
      const news = new Map(rows.map((row) => [row.id, row]));
      this.shown = this.shown.map((row) => news.get(row.id) ?? row);
    },
  },
  mounted() {
    this.clock = setInterval(() => (this.now = Date.now()), SECOND);
  },
  unmounted() {
    clearInterval(this.clock);
  },
  methods: {
    isReading() {
      return window.scrollY > 60 || this.$el.contains(document.activeElement) || !getSelection().isCollapsed;
    },
    showNews() {
      this.shown = this.rows;
      document.activeElement?.blur();
      window.scrollTo({ top: 0 });
    },
    move(event) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const row = event.target.closest?.(".trace-row");
      if (!step || !row) return;
      const next = step > 0 ? row.nextElementSibling : row.previousElementSibling;
      if (!next) return;
      event.preventDefault();
      next.querySelector(".trace-name").focus();
    },
    tone(row) {
      if (row.state === "open") return "is-live";
      if (row.errors) return "is-bad";
      return row.warnings || row.state === "interrupted" ? "is-warning" : "is-good";
    },
    elapsed(row) {
      return row.state === "open" ? short(this.now - row.startMs) : "";
    },
    ago(row) {
      const gone = this.now - row.startMs;
      if (gone < DAY) return gone < SECOND ? "just now" : short(gone) + " ago";
      return new Date(row.startMs).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
    },
    exact(row) {
      return new Date(row.startMs).toLocaleString();
    },
  },
};

function short(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return seconds + " s";
  if (seconds < 3600) return Math.floor(seconds / 60) + " min";
  return Math.floor(seconds / 3600) + " h";
}
