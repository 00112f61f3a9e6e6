"""Character n-grams count as scikit-learn's do."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from tuneworks.language.ngrams import fit_vocabulary, load_vocabulary, normalised

TEXTS = st.lists(st.text(alphabet="ab 包裹Ａ！", max_size=12), min_size=2, max_size=12)


@given(TEXTS, TEXTS)
@settings(deadline=None, max_examples=60)
def test_features_equal_scikit_learns(train, other):
    theirs = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(1, 3), min_df=2, sublinear_tf=True, preprocessor=normalised, dtype=np.float32
    )
    try:
        theirs.fit(train)
    except ValueError:
        return
    ours = load_vocabulary(fit_vocabulary(train, longest=3, smallest_count=2, most=10_000))
    assert list(ours.column_of) == sorted(theirs.vocabulary_)
    np.testing.assert_allclose(ours.transform(other).toarray(), theirs.transform(other).toarray(), atol=1e-5)


def test_the_commonest_are_kept():
    state = fit_vocabulary(["aa b", "aa c", "aa b"], longest=1, smallest_count=1, most=2)
    assert list(load_vocabulary(state).column_of) == [" ", "a"]


def test_texts_without_a_known_gram_have_empty_rows():
    vocabulary = load_vocabulary(fit_vocabulary(["", ""], longest=2, smallest_count=2, most=10))
    assert vocabulary.transform(["", "zzz"]).nnz == 0
