import itertools

import numpy as np
import pytest

from espnet_tse.scoring.result.paired_test import holm, paired_difference, sign_flip_p_value


def test_exact_p_values_of_few_units():
    # All differences have one sign: two of 2^n patterns are as far out.
    assert sign_flip_p_value(np.array([1.0, 2.0, 0.5])) == 2 / 8
    assert sign_flip_p_value(np.array([1.0, -1.0])) == 1.0
    assert sign_flip_p_value(np.zeros(5)) == 1.0


def test_a_single_unit_decides_nothing():
    assert sign_flip_p_value(np.array([3.0])) == 1.0
    assert sign_flip_p_value(np.array([1.0, 2.0]), ["a", "a"]) == 1.0


def test_all_patterns_against_counting_them():
    rng = np.random.default_rng(2)
    for count in (2, 6, 13):
        differences = np.round(rng.normal(0.3, 1.0, count), 1)  # tenths: many patterns tie
        tenths = [round(10 * value) for value in differences]
        sums = [sum(map(int.__mul__, signs, tenths)) for signs in itertools.product((1, -1), repeat=count)]
        far = sum(abs(each) >= abs(sum(tenths)) for each in sums)
        assert sign_flip_p_value(differences) == far / 2**count


def test_sums_that_differ_by_rounding_only_are_ties():
    # In floats 0.1 + 0.2 - 0.3 is not 0, and other signs give another not-quite-0.
    assert sign_flip_p_value(np.array([0.1, 0.2, -0.3, 0.7, -0.7])) == 1.0


def test_the_same_draws_every_time():
    differences = np.random.default_rng(5).normal(0.1, 1.0, 50)
    assert sign_flip_p_value(differences) == sign_flip_p_value(differences)


def test_random_p_values_agree_with_the_normal_ones():
    rng = np.random.default_rng(1)
    sure, chance = rng.normal(1.0, 1.0, 200), rng.normal(0.0, 1.0, 200)
    assert sign_flip_p_value(sure) == 1 / 10001
    # z = sum / sqrt(sum of squares) is normal under the hypothesis.
    from math import erfc, sqrt

    z = abs(chance.sum()) / sqrt((chance**2).sum())
    assert sign_flip_p_value(chance) == pytest.approx(erfc(z / sqrt(2)), abs=0.02)


def test_speakers_are_the_units_where_given():
    values, speakers = np.repeat([1.0, -1.0], 100), ["a"] * 100 + ["b"] * 100
    assert sign_flip_p_value(np.ones(200), speakers) == 0.5
    assert paired_difference(values, values + 1, clusters=speakers).p_value == 0.5


def test_differences_are_second_minus_first_and_weighted_by_words():
    test = paired_difference([0, 4], [1, 4], weights=[2, 8])
    assert (test.difference, test.pairs) == (0.1, 2) and test.ci95[0] == 0.0 and test.ci95[1] == 0.5
    assert paired_difference([1.0], [3.0]).ci95 is None


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0] and holm([]) == []
