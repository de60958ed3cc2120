"""Results of trials, virtual ones too, as CDISC's Analysis Data Model (ADaM) has them."""
