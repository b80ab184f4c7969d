-- The metric, if the store has summaries of it for this kind of group (all, style, feature_type); else an error lists those
-- it has. The other known_* macros do the same for their kind.
CREATE OR REPLACE MACRO known_metric(of_metric, of_kind) AS (
    SELECT CASE
        WHEN coalesce(bool_or(metric = of_metric), false) THEN of_metric
        ELSE error(format(
            'expected a metric out of {}; got {}',
            coalesce(string_agg(metric, ', ' ORDER BY metric), '(none: this store is empty, run ssl-attn build)'), of_metric
        ))
    END
    FROM (SELECT DISTINCT metric FROM aggregates WHERE group_kind = of_kind)
);

-- The model, if the store has it.
CREATE OR REPLACE MACRO known_model(of_model) AS (
    SELECT CASE
        WHEN coalesce(bool_or(model = of_model), false) THEN of_model
        ELSE error(format(
            'expected a model out of {}; got {}',
            coalesce(string_agg(DISTINCT model, ', ' ORDER BY model), '(none: this store is empty, run ssl-attn build)'), of_model
        ))
    END
    FROM models
);

-- The percentile to look up: 90 by default for a thresholded metric, -1 for one that has no threshold. Single heads, styles
-- and feature types are summarised at fewer percentiles than all images with all heads fused.
CREATE OR REPLACE MACRO known_percentile(of_metric, at_percentile, of_kind, of_single_heads := false) AS (
    SELECT CASE
        WHEN at_percentile IS NULL AND coalesce(bool_and(percentile = -1), true) THEN -1
        WHEN at_percentile IS NULL THEN 90
        WHEN coalesce(bool_or(percentile = at_percentile), false) THEN at_percentile
        ELSE error(format(
            'expected a percentile of {} out of {}; got {}', of_metric,
            CASE
                WHEN count(*) = 0 THEN '(none: nothing is aggregated yet)'
                WHEN max(percentile) = -1 THEN 'none (it has no threshold)'
                WHEN count(*) = max(percentile) - min(percentile) + 1 THEN format('{} to {}', min(percentile), max(percentile))
                ELSE string_agg(percentile::VARCHAR, ', ' ORDER BY percentile)
            END,
            at_percentile
        ))
    END::SMALLINT
    FROM (
        SELECT DISTINCT percentile FROM aggregates
        WHERE metric = of_metric AND group_kind = of_kind AND (head >= 0) = of_single_heads
    )
);

-- The layer to look up; NULL stands for the last one of each series.
CREATE OR REPLACE MACRO known_layer(at_layer) AS (
    SELECT CASE
        WHEN at_layer IS NULL OR coalesce(bool_or(layer = at_layer), false) THEN at_layer
        ELSE error(format(
            'expected a layer out of {}; got {}',
            coalesce(string_agg(layer::VARCHAR, ', ' ORDER BY layer), '(none: nothing is aggregated yet)'), at_layer
        ))
    END::SMALLINT
    FROM (SELECT DISTINCT layer FROM aggregates)
);

-- The method, if the store has summaries of it.
CREATE OR REPLACE MACRO known_method(of_method) AS (
    SELECT CASE
        WHEN coalesce(bool_or(method = of_method), false) THEN of_method
        ELSE error(format(
            'expected a method out of {}; got {}',
            coalesce(string_agg(method, ', ' ORDER BY method), '(none: nothing is aggregated yet)'), of_method
        ))
    END
    FROM (SELECT DISTINCT method FROM aggregates)
);
