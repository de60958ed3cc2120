# The truth that tests/test_survival_by_r.py compares with: R's package survival.
#
#     Rscript tests/data/survival_by_r.R
#
# Writes survival_by_r_patients.csv (four trials: tied days, left truncation, heavy censoring, small)
# and survival_by_r.csv (trial, what, at, value). Made with the versions that its first line tells.
library(survival)
set.seed(20260101)

here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))

make <- function(n, truncated, lost, grid) {
  age <- round(rnorm(n, 60, 10))
  arm <- rbinom(n, 1, 0.5)
  site <- sample(c("a", "b", "c"), n, replace = TRUE)
  event <- rexp(n, exp(0.03 * (age - 60) - 0.6 * arm + 0.3 * (site == "b")) / 200)
  censored <- runif(n, lost[1], lost[2])
  start <- if (truncated) ifelse(runif(n) < 0.5, floor(runif(n, 0, 60)), 0) else rep(0, n)
  time <- ceiling(pmin(event, censored) / grid) * grid
  found <- data.frame(start, time, event = as.integer(event <= censored), AGE = age, arm, site)
  found[found$time > found$start, ]
}

trials <- list(
  tied = make(150, FALSE, c(20, 500), 30),
  truncated = make(220, TRUE, c(30, 600), 15),
  heavily_censored = make(120, FALSE, c(5, 60), 1),
  small = make(14, FALSE, c(50, 600), 30)
)

rows <- list()
tell <- function(trial, what, at, value) {
  rows[[length(rows) + 1]] <<- data.frame(trial, what, at = as.character(at), value)
}

for (name in names(trials)) {
  d <- trials[[name]]
  S <- with(d, Surv(start, time, event))
  at <- c(15, 45, 60, 90, 150, 210)
  at <- at[at <= max(d$time)]
  for (kind in c("log-log", "plain")) {
    fit <- survfit(S ~ 1, data = d, conf.type = kind)
    s <- summary(fit, times = at, extend = TRUE)
    tell(name, paste("lower", kind), at, s$lower)
    tell(name, paste("upper", kind), at, s$upper)
    q <- quantile(fit, 0.5)
    tell(name, paste(c("median", "median_lower", "median_upper"), kind), "",
         c(q$quantile, q$lower, q$upper))
  }
  tell(name, "survival", at, s$surv)
  tell(name, "at_risk", fit$time, fit$n.risk)
  tell(name, "events", fit$time, fit$n.event)
  tell(name, "censored", fit$time, fit$n.censor)
  until <- 0.8 * max(d$time)
  table <- summary(fit, rmean = until)$table
  tell(name, "restricted_mean", until, table["rmean"])
  tell(name, "restricted_mean_error", until, table["se(rmean)"])

  for (strata in c("", "site")) {
    formula <- if (strata == "") S ~ AGE + arm else S ~ AGE + arm + strata(site)
    cox <- coxph(formula, data = d, ties = "efron",
                 control = coxph.control(eps = 1e-12, iter.max = 50))
    tell(name, paste("log_hazard_ratio", strata), names(coef(cox)), coef(cox))
    tell(name, paste("standard_error", strata), names(coef(cox)), sqrt(diag(vcov(cox))))
    tell(name, paste("log_likelihood", strata), "", cox$loglik[2])
    tell(name, paste("log_likelihood_without", strata), "", cox$loglik[1])
    if (all(d$start == 0)) {
      s0 <- with(d, Surv(time, event))
      test <- if (strata == "") survdiff(s0 ~ arm, d) else survdiff(s0 ~ arm + strata(site), d)
      tell(name, paste("chisq", strata), "", test$chisq)
    }
  }

  # From a landmark on: those who are free and followed after it.
  late <- d[d$time > 30, ]
  late$start <- pmax(late$start, 30)
  fit <- survfit(Surv(start, time, event) ~ 1, data = late)
  tell(name, "survival after 30", at[at > 30], summary(fit, times = at[at > 30], extend = TRUE)$surv)
  if (name != "small") {
    cox <- coxph(Surv(start, time, event) ~ AGE, data = late,
                 control = coxph.control(eps = 1e-12, iter.max = 50))
    tell(name, "log_hazard_ratio after 30", "AGE", coef(cox))
  }
}

versions <- paste0("# R ", getRversion(), ", survival ", packageVersion("survival"))
patients <- do.call(rbind, lapply(names(trials), function(n) cbind(trial = n, trials[[n]])))
for (part in list(list(patients, "survival_by_r_patients.csv"),
                  list(do.call(rbind, rows), "survival_by_r.csv"))) {
  file <- file(file.path(here, part[[2]]), "w")
  writeLines(versions, file)
  write.csv(format(part[[1]], digits = 15, trim = TRUE), file, row.names = FALSE, quote = FALSE)
  close(file)
}
