#include "libk8s/codec/quantity.hpp"

#include <gtest/gtest.h>

#include <random>

namespace k8s {
namespace {

Quantity quantity(std::string_view text) {
  auto parsed = Quantity::parse(text);
  EXPECT_TRUE(parsed.is_ok()) << text << ": " << parsed.status().to_string();
  return parsed ? *parsed : Quantity();
}

TEST(Quantity, Every_suffix_has_its_worth) {
  EXPECT_EQ(quantity("1").units(), 1);
  EXPECT_EQ(quantity("1k").units(), 1000);
  EXPECT_EQ(quantity("3M").units(), 3'000'000);
  EXPECT_EQ(quantity("9E").units(), 9'000'000'000'000'000'000);
  EXPECT_EQ(quantity("2Ki").units(), 2048);
  EXPECT_EQ(quantity("2Gi").units(), 2147483648);
  EXPECT_EQ(quantity("7Ei").units(), 7 * (std::int64_t{1} << 60));
  EXPECT_EQ(*quantity("100m").milli(), 100);
  EXPECT_EQ(*quantity("1.5").milli(), 1500);
  EXPECT_EQ(quantity("1e3").units(), 1000);
  EXPECT_EQ(quantity("12E2").units(), 1200);
  EXPECT_EQ(quantity("1e+3").units(), 1000);
  EXPECT_EQ(*quantity("5e-1").milli(), 500);
  EXPECT_EQ(quantity(".5Gi").units(), 536870912);
  EXPECT_EQ(quantity("5.").units(), 5);
  EXPECT_EQ(quantity("+5").units(), 5);
  EXPECT_EQ(quantity("-5").units(), -5);
}

TEST(Quantity, A_capital_E_alone_is_exa_and_with_digits_an_exponent) {
  EXPECT_EQ(quantity("1E").units(), 1'000'000'000'000'000'000);
  EXPECT_EQ(quantity("1E1").units(), 10);
}

TEST(Quantity, Parts_are_rounded_up_and_away_from_zero) {
  EXPECT_EQ(quantity("100m").units(), 1);
  EXPECT_EQ(quantity("1500m").units(), 2);
  EXPECT_EQ(quantity("-100m").units(), -1);
  EXPECT_EQ(*quantity("1u").milli(), 1);
  EXPECT_EQ(*quantity("0.00001").milli(), 1);
  EXPECT_EQ(quantity("0.1n").to_string(), "1n");
  EXPECT_EQ(quantity("1e-900").to_string(), "1e-9");
  EXPECT_EQ(quantity("0.0000").units(), 0);
}

TEST(Quantity, What_is_no_quantity_is_refused_with_a_sentence) {
  for (const std::string_view text :
       {"", " 1", "1 ", "abc", "1x", "1KI", "1ki", "1.2.3", "--1", "+", ".", "1e", "1e1.5", "1m1",
        "0x10", "1K", "Gi", "1e+", "1e--1"}) {
    const auto parsed = Quantity::parse(text);
    ASSERT_FALSE(parsed.is_ok()) << text;
    EXPECT_EQ(parsed.status().code(), Code::kInvalid);
    EXPECT_NE(parsed.status().message().find("is not a quantity"), std::string::npos);
  }
}

TEST(Quantity, Amounts_above_63_bits_are_refused) {
  EXPECT_EQ(quantity("9223372036854775807").units(), 9223372036854775807);
  EXPECT_FALSE(Quantity::parse("9223372036854775808").is_ok());
  EXPECT_FALSE(Quantity::parse("8Ei").is_ok());
  EXPECT_FALSE(Quantity::parse("-8Ei").is_ok());
  EXPECT_FALSE(Quantity::parse("1e999999999").is_ok());
  EXPECT_FALSE(Quantity::parse("1e99999999999999999999").is_ok());
  EXPECT_FALSE(Quantity::parse(std::string(100, '9')).is_ok());
  EXPECT_FALSE(Quantity::parse(std::string(10'000, '1')).is_ok());
}

TEST(Quantity, Thousandths_that_do_not_fit_are_an_error_or_the_end_of_the_range) {
  EXPECT_FALSE(quantity("9E").milli().is_ok());
  EXPECT_EQ(quantity("9E").milli_saturated(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(resource_amount("cpu", quantity("250m")), 250);
  EXPECT_EQ(resource_amount("memory", quantity("1Gi")), 1073741824);
}

TEST(Quantity, The_canonical_form_is_that_of_the_API) {
  EXPECT_EQ(quantity("1.5").to_string(), "1500m");
  EXPECT_EQ(quantity("1000m").to_string(), "1");
  EXPECT_EQ(quantity("1000").to_string(), "1k");
  EXPECT_EQ(quantity("1024").to_string(), "1024");
  EXPECT_EQ(quantity("1.5Gi").to_string(), "1536Mi");
  EXPECT_EQ(quantity("1024Ki").to_string(), "1Mi");
  EXPECT_EQ(quantity("0.5Ki").to_string(), "512");
  EXPECT_EQ(quantity("1500e3").to_string(), "1500e3");
  EXPECT_EQ(quantity("0Gi").to_string(), "0");
  EXPECT_EQ(quantity("-0.5").to_string(), "-500m");
  EXPECT_EQ(format_amount("cpu", 1500), "1500m");
  EXPECT_EQ(format_amount("cpu", 4000), "4");
  EXPECT_EQ(format_amount("memory", std::int64_t{2} << 30), "2Gi");
  EXPECT_EQ(format_amount("nvidia.com/gpu", 8), "8");
}

TEST(Quantity, Writing_and_reading_again_gives_the_same_amount) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::string_view suffixes[] = {"", "m", "k", "M", "Ki", "Mi", "Gi", "u", "e2", "n"};
  for (int i = 0; i < 2000; ++i) {
    const std::string text = std::to_string(random() % 100'000'000) + "." +
                             std::to_string(random() % 1000) +
                             std::string(suffixes[random() % std::size(suffixes)]);
    const Quantity first = quantity(text);
    EXPECT_TRUE(first == quantity(first.to_string())) << text << " -> " << first.to_string();
  }
}

}  // namespace
}  // namespace k8s
