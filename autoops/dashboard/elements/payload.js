// JSON text, coloured token by token. Text goes into the document as text nodes: nothing in it can become HTML.
const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const COLOURED = 60000; // characters; a longer text is shown in one colour, for the sake of the document's size

export default {
  template: `
    <div class="payload">
      <div class="payload-tools">
        <span>{{ size }}</span>
        <button type="button" class="copy" :class="{ 'is-done': copied }" @click="copy"
                :aria-label="'Copy ' + label" :title="more ? 'Copy the shown part' : 'Copy'"></button>
      </div>
      <pre class="json" :class="{ 'is-plain': !json }" tabindex="0" :aria-label="label"><template v-for="part in parts"><span v-if="part[1]" :class="part[1]">{{ part[0] }}</span><template v-else>{{ part[0] }}</template></template><template v-if="more">…</template></pre>
      <button v-if="more" type="button" class="button is-small" @click="$emit('whole')">Show all ({{ size }})</button>
    </div>`,
  props: { text: String, json: Boolean, more: Number, size: String, label: String },
  emits: ["whole"],
  data() {
    return { copied: false };
  },
  computed: {
    parts() {
      if (!this.json || this.text.length > COLOURED) return [[this.text, ""]];
      const parts = [];
      let at = 0;
      for (const match of this.text.matchAll(TOKEN)) {
        parts.push([this.text.slice(at, match.index), ""]);
        const [all, string, colon] = match;
        if (colon) parts.push([string, "json-key"], [colon, ""]);
        else parts.push([all, string ? "json-string" : /^[tfn]/.test(all) ? "json-word" : "json-number"]);
        at = match.index + all.length;
      }
      parts.push([this.text.slice(at), ""]);
      return parts;
    },
  },
  methods: {
    copy() {
      navigator.clipboard.writeText(this.text).then(() => {
        this.copied = true;
        setTimeout(() => (this.copied = false), 1200);
      });
    },
  },
};
