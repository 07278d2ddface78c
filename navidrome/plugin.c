/* A plugin of Navidrome: what sounds alike, asked of `soundalike serve`.
 *
 * Navidrome calls the exported functions with JSON (plugins/capabilities/metadata_agent.yaml of
 * Navidrome), and sends requests for its plugins (`http_send`), to hosts that the manifest names.
 * Memory, input, output and settings are those of Extism's kernel (https://extism.org).
 *
 * No library is linked: JSON is not decoded, but looked through, and its values are passed on as
 * they are written. Each call has its own instance or begins with an empty heap.
 */

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define KERNEL(name) __attribute__((import_module("extism:host/env"), import_name(#name)))
#define HOST(name) __attribute__((import_module("extism:host/user"), import_name(#name)))
#define EXPORT(name) __attribute__((export_name(#name)))

KERNEL(alloc) u64 kernel_alloc(u64 n_bytes);
KERNEL(length) u64 kernel_length(u64 offset);
KERNEL(load_u8) u32 kernel_load(u64 offset);
KERNEL(store_u8) void kernel_store(u64 offset, u32 value);
KERNEL(input_length) u64 kernel_input_length(void);
KERNEL(input_load_u8) u32 kernel_input(u64 offset);
KERNEL(output_set) void kernel_output(u64 offset, u64 n_bytes);
KERNEL(error_set) void kernel_error(u64 offset);
KERNEL(config_get) u64 kernel_config(u64 name);
HOST(http_send) u64 host_http_send(u64 request);

/* Text with its length. A null start means that there is none. */
typedef struct {
    const u8 *start;
    u32 size;
} Text;

/* A text that grows; what has no room is lost, and noted. */
typedef struct {
    u8 *start;
    u32 size, room;
} Buffer;

#define HEAP_BYTES (4u << 20)
#define MOST_SONGS 500
static u8 heap[HEAP_BYTES];
static u32 heap_used;
static int is_full;

static u8 *take(u32 n_bytes) {
    if (n_bytes > HEAP_BYTES - heap_used) {
        is_full = 1;
        return heap;
    }
    u8 *found = heap + heap_used;
    heap_used += n_bytes;
    return found;
}

static Buffer buffer(u32 room) {
    Buffer made = {take(room), 0, is_full ? 0 : room};
    return made;
}

static void put(Buffer *to, u8 byte) {
    if (to->size < to->room)
        to->start[to->size++] = byte;
    else
        is_full = 1;
}

static void put_text(Buffer *to, Text text) {
    for (u32 at = 0; at < text.size; at++)
        put(to, text.start[at]);
}

static Text text_of(const char *written) {
    Text text = {(const u8 *)written, 0};
    while (written[text.size])
        text.size++;
    return text;
}

static void put_words(Buffer *to, const char *words) { put_text(to, text_of(words)); }

static int is_same(Text a, Text b) {
    if (a.size != b.size)
        return 0;
    for (u32 at = 0; at < a.size; at++)
        if (a.start[at] != b.start[at])
            return 0;
    return 1;
}

/* The kernel */

static u64 to_kernel(Text text) {
    u64 offset = kernel_alloc(text.size);
    for (u32 at = 0; at < text.size; at++)
        kernel_store(offset + at, text.start[at]);
    return offset;
}

static Text from_kernel(u64 offset) {
    u32 size = offset ? (u32)kernel_length(offset) : 0;
    u8 *start = take(size);
    if (is_full || !offset)
        return (Text){0, 0};
    for (u32 at = 0; at < size; at++)
        start[at] = (u8)kernel_load(offset + at);
    return (Text){start, size};
}

static Text input(void) {
    u32 size = (u32)kernel_input_length();
    u8 *start = take(size);
    if (is_full)
        return (Text){0, 0};
    for (u32 at = 0; at < size; at++)
        start[at] = (u8)kernel_input(at);
    return (Text){start, size};
}

static Text config(const char *name) { return from_kernel(kernel_config(to_kernel(text_of(name)))); }

static int fail(const char *words, Text more) {
    Buffer told = buffer(1024);
    put_words(&told, "soundalike: ");
    put_words(&told, words);
    for (u32 at = 0; at < more.size && told.size < 1000; at++)
        put(&told, more.start[at]);
    kernel_error(to_kernel((Text){told.start, told.size}));
    return 1;
}

/* JSON, looked through: a value begins at a place and ends before another */

static u32 skip_blank(Text in, u32 at) {
    while (at < in.size && (in.start[at] == ' ' || in.start[at] == '\n' || in.start[at] == '\r' ||
                            in.start[at] == '\t'))
        at++;
    return at;
}

static u32 end_of_string(Text in, u32 at) {
    for (at++; at < in.size && in.start[at] != '"'; at++)
        if (in.start[at] == '\\')
            at++;
    return at < in.size ? at + 1 : in.size;
}

static u32 end_of_value(Text in, u32 at) {
    u32 depth = 0;
    while (at < in.size) {
        u8 byte = in.start[at];
        if (byte == '"') {
            at = end_of_string(in, at);
        } else {
            if (byte == '{' || byte == '[')
                depth++;
            else if ((byte == '}' || byte == ']') && depth)
                depth--;
            else if (!depth && (byte == ',' || byte == '}' || byte == ']'))
                return at;
            at++;
        }
        if (!depth && (byte == '"' || byte == '}' || byte == ']'))
            return at;
    }
    return in.size;
}

/* The value of a name in the object that begins a text, as it is written. */
static Text member(Text in, const char *name) {
    Text wanted = text_of(name);
    u32 at = skip_blank(in, 0);
    if (at >= in.size || in.start[at] != '{')
        return (Text){0, 0};
    at++;
    while ((at = skip_blank(in, at)) < in.size && in.start[at] == '"') {
        u32 end = end_of_string(in, at);
        Text key = {in.start + at + 1, end - at >= 2 ? end - at - 2 : 0};
        at = skip_blank(in, end);
        if (at >= in.size || in.start[at] != ':')
            break;
        at = skip_blank(in, at + 1);
        end = end_of_value(in, at);
        if (is_same(key, wanted))
            return (Text){in.start + at, end - at};
        at = skip_blank(in, end);
        if (at < in.size && in.start[at] == ',')
            at++;
    }
    return (Text){0, 0};
}

static int is_string(Text value) { return value.size >= 2 && value.start[0] == '"'; }

static u32 number(Text value, u32 otherwise) {
    u32 found = 0, at = 0;
    for (; at < value.size && value.start[at] >= '0' && value.start[at] <= '9' && found < 100000; at++)
        found = 10 * found + (value.start[at] - '0');
    return at ? found : otherwise;
}

static void put_quoted_byte(Buffer *to, u32 byte) {
    static const char digits[] = "0123456789ABCDEF";
    int is_plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                   (byte >= 'a' && byte <= 'z') || byte == '-' || byte == '_' || byte == '.';
    if (is_plain) {
        put(to, (u8)byte);
    } else {
        put(to, '%');
        put(to, (u8)digits[byte >> 4 & 15]);
        put(to, (u8)digits[byte & 15]);
    }
}

/* A string as a part of an address. Of its escapes, \uXXXX below the surrogates has a meaning here;
 * Go writes & so. */
static void put_quoted(Buffer *to, Text string) {
    for (u32 at = 1; at + 1 < string.size; at++) {
        u32 code = string.start[at];
        if (code == '\\' && at + 6 < string.size && string.start[at + 1] == 'u') {
            code = 0;
            for (u32 end = at + 6, digit = at + 2; digit < end; digit++) {
                u32 letter = string.start[digit];
                code = code << 4 | (letter <= '9' ? letter - '0' : (letter | 32) - 'a' + 10);
            }
            at += 5;
            if (code >= 0x800) {
                put_quoted_byte(to, 0xe0 | (code >> 12 & 15));
                put_quoted_byte(to, 0x80 | (code >> 6 & 63));
                code = 0x80 | (code & 63);
            } else if (code >= 0x80) {
                put_quoted_byte(to, 0xc0 | code >> 6);
                code = 0x80 | (code & 63);
            }
        } else if (code == '\\') {
            code = string.start[++at];
        }
        put_quoted_byte(to, code);
    }
}

static void put_number(Buffer *to, u32 value) {
    u8 digits[10];
    u32 n = 0;
    do {
        digits[n++] = (u8)('0' + value % 10);
        value /= 10;
    } while (value);
    while (n)
        put(to, digits[--n]);
}

/* A text as a string of JSON. */
static void put_string(Buffer *to, Text text) {
    put(to, '"');
    for (u32 at = 0; at < text.size; at++) {
        u8 byte = text.start[at];
        if (byte == '"' || byte == '\\')
            put(to, '\\');
        if (byte >= ' ')
            put(to, byte);
    }
    put(to, '"');
}

static Text from_base64(Text string) {
    Buffer found = buffer(string.size);
    u32 bits = 0, n_bits = 0;
    for (u32 at = 1; at + 1 < string.size; at++) {
        u8 byte = string.start[at];
        u32 value = byte >= 'A' && byte <= 'Z'   ? byte - 'A'
                    : byte >= 'a' && byte <= 'z' ? byte - 'a' + 26u
                    : byte >= '0' && byte <= '9' ? byte - '0' + 52u
                    : byte == '+'                ? 62u
                    : byte == '/'                ? 63u
                                                 : 64u;
        if (value == 64u)
            continue;
        bits = bits << 6 | value;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            put(&found, (u8)(bits >> n_bits));
        }
    }
    return (Text){found.start, found.size};
}

/* What soundalike is asked, and what Navidrome is answered */

/* The body of an answer; without a start where there is none, which is told. */
static Text ask(const char *path, const char *parameter, Text id, u32 n, const char *more) {
    Text url = config("apiUrl"), token = config("apiToken"), server = config("server");
    Text none = {0, 0};
    while (url.size && url.start[url.size - 1] == '/')
        url.size--;
    if (!url.size) {
        fail("set the address of soundalike (apiUrl)", none);
        return none;
    }
    Buffer request = buffer(8192);
    put_words(&request, "{\"request\":{\"method\":\"GET\",\"timeoutMs\":20000,\"url\":\"");
    put_text(&request, url);
    put_words(&request, path);
    put_words(&request, parameter);
    put_quoted(&request, id);
    put_words(&request, "&n=");
    put_number(&request, n);
    put_words(&request, more);
    if (server.size) {
        Buffer string = buffer(server.size + 2);
        put(&string, '"');
        put_text(&string, server);
        put(&string, '"');
        put_words(&request, "&server=");
        put_quoted(&request, (Text){string.start, string.size});
    }
    put_words(&request, "\",\"headers\":{");
    if (token.size) {
        Buffer bearer = buffer(token.size + 8);
        put_words(&bearer, "Bearer ");
        put_text(&bearer, token);
        put_words(&request, "\"Authorization\":");
        put_string(&request, (Text){bearer.start, bearer.size});
    }
    put_words(&request, "}}}");
    if (is_full) {
        fail("the settings are too long", none);
        return none;
    }
    Text answer = from_kernel(host_http_send(to_kernel((Text){request.start, request.size})));
    Text error = member(answer, "error"), result = member(answer, "result");
    if (error.size > 2) {
        fail("cannot be asked: ", error);
        return none;
    }
    u32 status = number(member(result, "statusCode"), 0);
    Text body = from_base64(member(result, "body"));
    if (is_full) {
        fail("the answer is too long", none);
        return none;
    }
    if (status != 200) {
        fail(status == 401   ? "the token (apiToken) is wrong: "
             : status == 404 ? "the song or artist is not linked: "
                             : "soundalike refuses: ",
             member(body, "detail"));
        return none;
    }
    return body;
}

static void put_member(Buffer *to, const char *name, Text value) {
    if (!is_string(value))
        return;
    if (to->start[to->size - 1] != '{')
        put(to, ',');
    put(to, '"');
    put_words(to, name);
    put_words(to, "\":");
    put_text(to, value);
}

static int answer_with(Buffer *answer) {
    if (is_full)
        return fail("the answer is too long", (Text){0, 0});
    Text text = {answer->start, answer->size};
    kernel_output(to_kernel(text), text.size);
    return 0;
}

/* All objects with an "item_id" in a text, wherever they are, each once, as songs. */
static int answer_songs(Text body, u32 most) {
    static Text seen[MOST_SONGS];
    u32 n = 0;
    Buffer answer = buffer(body.size + 64 * MOST_SONGS);
    put_words(&answer, "{\"songs\":[");
    for (u32 at = 0; at < body.size && n < most && n < MOST_SONGS;) {
        if (body.start[at] == '"') {
            at = end_of_string(body, at);
            continue;
        }
        if (body.start[at] == '{') {
            Text object = {body.start + at, body.size - at};
            Text id = member(object, "item_id");
            u32 same = 0;
            while (same < n && !is_same(seen[same], id))
                same++;
            if (is_string(id) && same == n) {
                seen[n] = id;
                put_words(&answer, n++ ? ",{" : "{");
                put_member(&answer, "id", id);
                put_member(&answer, "name", member(object, "title"));
                put_member(&answer, "artist", member(object, "author"));
                put_member(&answer, "album", member(object, "album"));
                put(&answer, '}');
            }
        }
        at++;
    }
    put_words(&answer, "]}");
    return answer_with(&answer);
}

static u32 bounded(Text value) {
    u32 n = number(value, 20);
    return n < 1 ? 1 : n > MOST_SONGS ? MOST_SONGS : n;
}

static Text begin(void) {
    heap_used = 0;
    is_full = 0;
    return input();
}

EXPORT(nd_get_similar_songs_by_track) int similar_songs_by_track(void) {
    Text asked = begin();
    u32 n = bounded(member(asked, "count"));
    Text body = ask("/api/similar_tracks?", "item_id=", member(asked, "id"), n,
                    "&radius_similarity=true");
    return body.start ? answer_songs(body, n) : 1;
}

EXPORT(nd_get_similar_songs_by_artist) int similar_songs_by_artist(void) {
    Text asked = begin();
    Text body = ask("/api/similar_artists?", "artist=", member(asked, "id"), 10,
                    "&include_component_matches=true");
    return body.start ? answer_songs(body, bounded(member(asked, "count"))) : 1;
}

EXPORT(nd_get_similar_artists) int similar_artists(void) {
    Text asked = begin();
    u32 n = bounded(member(asked, "limit"));
    Text body = ask("/api/similar_artists?", "artist=", member(asked, "id"), n, "");
    if (!body.start)
        return 1;
    Buffer answer = buffer(body.size + 64);
    u32 found = 0;
    put_words(&answer, "{\"artists\":[");
    u32 at = skip_blank(body, 0);
    if (at < body.size && body.start[at] == '[')
        at++;
    while ((at = skip_blank(body, at)) < body.size && body.start[at] == '{') {
        u32 end = end_of_value(body, at);
        Text object = {body.start + at, end - at};
        Text name = member(object, "artist");
        if (is_string(name)) {
            put_words(&answer, found++ ? ",{" : "{");
            put_member(&answer, "id", member(object, "artist_id"));
            put_member(&answer, "name", name);
            put(&answer, '}');
        }
        at = skip_blank(body, end);
        if (at < body.size && body.start[at] == ',')
            at++;
    }
    put_words(&answer, "]}");
    return answer_with(&answer);
}
