"""Statistics of scores, as pure functions on arrays; import from the module that holds the function.

The unit of every test and interval is the image, or the cluster (one building in several photographs), never the box.
NaN is a missing score. A p-value is never 0.

| module | holds |
|---|---|
| `moments` | count, mean and standard deviation of columns with missing values |
| `bootstrap` | intervals for means by resampling clusters; means of clusters |
| `paired` | the declared paired test (Wilcoxon, exact), the t-test beside it, McNemar's test of hits |
| `effects` | size of a difference: mean, median, rank-biserial, d_z |
| `multiplicity` | Holm's adjustment over a family |
| `equivalence` | two one-sided tests, default margins, and the verdict of a comparison |
| `cross_fit` | the score of a layer that was chosen on other images |
| `seeds` | training seeds as a second random factor |
| `ranks` | heads ranked image by image, ties shared |
| `change` | change against baseline without regression to the mean |
"""
