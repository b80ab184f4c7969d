-- The name, if it is among the names that the store has; else an error lists those.
CREATE OR REPLACE MACRO known_name(what, of_name, names) AS (
    CASE
        WHEN list_contains(coalesce(names, []), of_name) THEN of_name
        ELSE error(format(
            'expected a {} out of {}; got {}', what,
            coalesce(nullif(array_to_string(names, ', '), ''), '(none: the store has nothing of the kind)'),
            of_name
        ))
    END
);

-- The percentile, if it is among those that the store has for a metric: by default 90, or -1 for a metric without a threshold.
CREATE OR REPLACE MACRO known_threshold(of_metric, at_percentile, percentiles) AS (
    CASE
        WHEN at_percentile IS NULL AND coalesce(list_max(percentiles), -1) = -1 THEN -1
        WHEN at_percentile IS NULL THEN 90
        WHEN list_contains(coalesce(percentiles, []), at_percentile) THEN at_percentile
        ELSE error(format(
            'expected a percentile of {} out of {}; got {}', of_metric,
            CASE
                WHEN coalesce(len(percentiles), 0) = 0 THEN '(none: the store has nothing of the kind)'
                WHEN list_max(percentiles) = -1 THEN 'none (it has no threshold)'
                WHEN len(percentiles) > 2 AND len(percentiles) = list_max(percentiles) - list_min(percentiles) + 1
                    THEN format('{} to {}', list_min(percentiles), list_max(percentiles))
                ELSE array_to_string(list_sort(percentiles), ', ')
            END,
            at_percentile
        ))
    END::SMALLINT
);

-- The metric, if the store has summaries of it for this kind of group (all, style, feature_type, feature_rollup, box_size), of
-- single heads or of all heads fused.
CREATE OR REPLACE MACRO known_metric(of_metric, of_kind, of_single_heads := false) AS (
    SELECT known_name('metric', of_metric, names)
    FROM (
        SELECT list(DISTINCT metric ORDER BY metric) AS names FROM aggregate_index
        WHERE group_kind = of_kind AND single_heads = of_single_heads
    )
);

-- The metric, if it has a better and a worse end: those that layers and heads are chosen by and series are compared in.
CREATE OR REPLACE MACRO known_directed_metric(of_metric) AS (
    SELECT known_name('metric', of_metric, names)
    FROM (SELECT list(DISTINCT metric ORDER BY metric) AS names FROM layer_choices)
);

-- The model, if the store has it.
CREATE OR REPLACE MACRO known_model(of_model) AS (
    SELECT known_name('model', of_model, names)
    FROM (SELECT list(DISTINCT model ORDER BY model) AS names FROM models)
);

-- The method, if the store has scores of it.
CREATE OR REPLACE MACRO known_method(of_method) AS (
    SELECT known_name('method', of_method, names)
    FROM (SELECT list(DISTINCT method ORDER BY method) AS names FROM reported_layers)
);

-- The percentile to look up for a kind of group: by default 90 for a thresholded metric, -1 for one that has no threshold.
-- Single heads, styles, feature types and sizes are summarised at fewer percentiles than all images with all heads fused.
CREATE OR REPLACE MACRO known_percentile(of_metric, at_percentile, of_kind, of_single_heads := false) AS (
    SELECT known_threshold(of_metric, at_percentile, percentiles)
    FROM (
        SELECT list(DISTINCT percentile) AS percentiles FROM aggregate_index
        WHERE metric = of_metric AND group_kind = of_kind AND single_heads = of_single_heads
    )
);

-- The percentile to look up where layers and heads are chosen and series are compared.
CREATE OR REPLACE MACRO known_directed_percentile(of_metric, at_percentile) AS (
    SELECT known_threshold(of_metric, at_percentile, percentiles)
    FROM (SELECT list(DISTINCT percentile) AS percentiles FROM layer_choices WHERE metric = of_metric)
);

-- The layer to look up; NULL stands for the last one of each series.
CREATE OR REPLACE MACRO known_layer(at_layer) AS (
    SELECT CASE WHEN at_layer IS NULL THEN NULL ELSE known_name('layer', at_layer::VARCHAR, names) END::SMALLINT
    FROM (
        SELECT list_transform(list(DISTINCT layer ORDER BY layer), lambda l: l::VARCHAR) AS names
        FROM (SELECT unnest(layers) AS layer FROM layer_choices)
    )
);
