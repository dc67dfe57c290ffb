// A trace as a tree beside its time. Only rows within sight are in the document: a trace of 20,000 spans scrolls as
// one of 20 does. Folding happens here, without asking the server.
const ROWS_UNFOLDED = 400; // a trace with more spans begins folded, level by level, to about this many rows
const MARGIN = 12; // rows drawn above and below what is in sight

export default {
  template: `
    <div class="waterfall" :style="{ '--row': rowHeight + 'px' }">
      <div class="waterfall-head">
        <span class="waterfall-tools">
          <button type="button" class="button is-small" @click="foldAll" :disabled="!canFold">Collapse</button>
          <button type="button" class="button is-small" @click="unfoldAll" :disabled="!folded.size">Expand all</button>
          <span class="waterfall-count">{{ visible.length === rows.length ? "" : visible.length + " of " }}{{ rows.length }} shown</span>
        </span>
        <span class="waterfall-axis" aria-hidden="true">
          <span v-for="tick in ticks" :key="tick.at" :style="{ left: 100 * tick.at + '%' }">{{ tick.label }}</span>
        </span>
        <span></span>
      </div>
      <div class="waterfall-body" ref="body" @scroll.passive="look" tabindex="0" role="tree" aria-label="Spans"
           :aria-activedescendant="selected ? 'span-' + chosen : undefined" @keydown="key">
        <div class="waterfall-space" :style="{ height: visible.length * rowHeight + 'px' }">
          <div v-for="row in drawn" :key="row.id" :id="'span-' + row.id" class="span-row" role="treeitem"
               :class="['kind-' + row.kind, 'level-' + row.level, 'state-' + row.state, { 'is-selected': row.id === chosen, 'is-dim': row.dim }]"
               :style="{ top: row.top + 'px' }" :aria-level="row.depth + 1" :aria-selected="row.id === chosen"
               :title="row.about ? row.name + ': ' + row.about : row.name" :aria-expanded="row.children ? !folded.has(row.id) : undefined" :data-span="row.id" @click="click(row)">
            <span class="span-label" :style="{ paddingLeft: indent(row) + 'px' }">
              <button v-if="row.children" type="button" class="fold" tabindex="-1" :class="{ 'is-folded': folded.has(row.id) }"
                      :aria-label="(folded.has(row.id) ? 'Expand ' : 'Collapse ') + row.name" @click.stop="toggle(row)"></button>
              <span v-else class="fold-none"></span>
              <i class="icon" :class="'icon-' + row.kind" :title="row.decision ? 'decision: ' + row.decision : row.type"></i>
              <span class="span-name">{{ row.name }}</span>
              <span v-if="row.decision && !row.name.endsWith(row.decision)" class="badge is-decision">{{ row.decision }}</span>
              <span v-if="row.state === 'open'" class="badge is-live">Running</span>
              <span v-else-if="row.state === 'interrupted'" class="badge is-warning">Interrupted</span>
              <span v-if="row.orphan" class="badge is-quiet" title="Its parent is not in this journal">No parent</span>
              <span v-if="row.level === 'ERROR'" class="badge is-bad">Error</span>
              <span v-else-if="row.level === 'WARNING' && row.state !== 'interrupted'" class="badge is-warning">Warning</span>
              <span v-if="row.about" class="span-about">{{ row.about }}</span>
              <span v-if="row.hidden" class="span-hidden">{{ row.hidden }}</span>
              <span v-if="row.hiddenErrors" class="badge is-bad">{{ row.hiddenErrors }} {{ row.hiddenErrors === 1 ? "error" : "errors" }} inside</span>
            </span>
            <span class="span-track"><span class="span-bar" :style="{ left: row.left + '%', width: row.width + '%' }"></span></span>
            <span class="span-duration">{{ row.duration }}</span>
          </div>
        </div>
      </div>
    </div>`,
  props: { rows: Array, ticks: Array, selected: String, filterKey: String },
  emits: ["select"],
  data() {
    return {
      folded: new Set(),
      chosen: this.selected,
      first: 0,
      last: 60,
      rowHeight: matchMedia("(max-width: 720px)").matches ? 46 : 32,
    };
  },
  computed: {
    visible() {
      const visible = [];
      let hiddenBelow = Infinity;
      for (const row of this.rows) {
        if (row.depth > hiddenBelow) {
          const above = visible[visible.length - 1];
          above.hidden++;
          above.hiddenErrors += row.level === "ERROR";
          continue;
        }
        hiddenBelow = this.folded.has(row.id) ? row.depth : Infinity;
        visible.push({ ...row, top: visible.length * this.rowHeight, hidden: 0, hiddenErrors: 0 });
      }
      return visible;
    },
    drawn() {
      return this.visible.slice(this.first, this.last);
    },
    canFold() {
      return this.rows.some((row) => row.children && !this.folded.has(row.id));
    },
  },
  watch: {
    filterKey() {
      this.foldByLevel();
      this.$nextTick(() => this.reveal(this.chosen));
    },
    visible() {
      this.$nextTick(this.look);
    },
  },
  created() {
    this.foldByLevel();
  },
  mounted() {
    this.observer = new ResizeObserver(this.look);
    this.observer.observe(this.$refs.body);
    this.reveal(this.chosen);
  },
  unmounted() {
    this.observer.disconnect();
  },
  methods: {
    look() {
      const body = this.$refs.body;
      if (!body) return;
      this.first = Math.max(0, Math.floor(body.scrollTop / this.rowHeight) - MARGIN);
      this.last = Math.ceil((body.scrollTop + body.clientHeight) / this.rowHeight) + MARGIN;
    },
    indent(row) {
      return 4 + 14 * Math.min(row.depth, 24);
    },
    foldByLevel() {
      const folded = new Set();
      if (this.rows.length > ROWS_UNFOLDED) {
        const counts = [];
        for (const row of this.rows) counts[row.depth] = (counts[row.depth] ?? 0) + 1;
        let level = 0;
        for (let total = counts[0]; level + 1 < counts.length && total + counts[level + 1] <= ROWS_UNFOLDED; level++)
          total += counts[level + 1];
        for (const row of this.rows) if (row.children && row.depth >= level) folded.add(row.id);
      }
      this.folded = folded;
    },
    foldAll() {
      this.folded = new Set(this.rows.filter((row) => row.children).map((row) => row.id));
      this.$refs.body.scrollTop = 0;
    },
    unfoldAll() {
      this.folded = new Set();
      this.$nextTick(() => this.reveal(this.chosen));
    },
    toggle(row, fold = !this.folded.has(row.id)) {
      const folded = new Set(this.folded);
      if (fold) folded.add(row.id);
      else folded.delete(row.id);
      this.folded = folded;
    },
    choose(row) {
      this.chosen = row.id;
      this.$emit("select", row.id);
    },
    click(row) {
      this.choose(row);
      // Where the span's panel lies below the tree, it would change out of sight.
      if (matchMedia("(max-width: 1023px)").matches)
        document.querySelector(".trace-panel")?.scrollIntoView({ behavior: "smooth", block: "start" });
    },
    reveal(id) {
      const at = this.rows.findIndex((row) => row.id === id);
      if (at < 0) return;
      this.chosen = id;
      const folded = new Set(this.folded);
      for (let i = at, depth = this.rows[at].depth; i >= 0 && depth > 0; i--)
        if (this.rows[i].depth < depth) {
          depth = this.rows[i].depth;
          folded.delete(this.rows[i].id);
        }
      if (folded.size !== this.folded.size) this.folded = folded;
      this.$nextTick(() => this.scrollTo(this.visible.findIndex((row) => row.id === id)));
    },
    scrollTo(index) {
      const body = this.$refs.body;
      if (!body || index < 0) return;
      const top = index * this.rowHeight;
      if (top < body.scrollTop) body.scrollTop = top;
      else if (top + this.rowHeight > body.scrollTop + body.clientHeight)
        body.scrollTop = top - body.clientHeight / 2;
      this.look();
    },
    key(event) {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      const at = this.visible.findIndex((row) => row.id === this.chosen);
      const row = this.visible[at];
      const page = Math.max(1, Math.floor(this.$refs.body.clientHeight / this.rowHeight) - 1);
      const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
      if (event.key in steps) {
        const next = Math.min(this.visible.length - 1, Math.max(0, at + steps[event.key]));
        this.choose(this.visible[next]);
        this.scrollTo(next);
      } else if (event.key === "ArrowRight" && row?.children && this.folded.has(row.id)) this.toggle(row, false);
      else if (event.key === "ArrowLeft" && row?.children && !this.folded.has(row.id)) this.toggle(row, true);
      else if (event.key === "ArrowLeft" && row) {
        let parent = at;
        while (parent > 0 && this.visible[parent].depth >= row.depth) parent--;
        this.choose(this.visible[parent]);
        this.scrollTo(parent);
      } else return;
      event.preventDefault();
    },
  },
};
