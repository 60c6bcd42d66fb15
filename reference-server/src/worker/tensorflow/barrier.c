/*
 * The calls into TensorFlow in which kernels and shape functions of op libraries run, such that no
 * C++ exception leaves them: see exception_barrier.c.
 */

struct buffer;
struct graph;
struct options;
struct session;
struct status;
struct tensor;

struct output {
    void *operation;
    int index;
};

typedef void run(struct session *, const struct buffer *, const struct output *,
                 struct tensor *const *, int, const struct output *, struct tensor **, int,
                 const void *const *, int, struct buffer *, struct status *);
typedef struct session *load(const struct options *, const struct buffer *, const char *,
                             const char *const *, int, struct graph *, struct buffer *,
                             struct status *);
typedef void import(struct graph *, const struct buffer *, const void *, struct status *);

void tensorflow_barrier_run(run *entry, struct session *session, const struct output *inputs,
                            struct tensor *const *input_values, int input_count,
                            const struct output *outputs, struct tensor **output_values,
                            int output_count, struct status *status) {
    entry(session, 0, inputs, input_values, input_count, outputs, output_values, output_count, 0, 0,
          0, status);
}

struct session *tensorflow_barrier_load(load *entry, const struct options *options,
                                        const char *folder, const char *const *tags, int tag_count,
                                        struct graph *graph, struct status *status) {
    return entry(options, 0, folder, tags, tag_count, graph, 0, status);
}

void tensorflow_barrier_import(import *entry, struct graph *graph, const struct buffer *graph_def,
                               const void *options, struct status *status) {
    entry(graph, graph_def, options, status);
}
