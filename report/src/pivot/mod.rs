//! `report table`: models by values, whoever measured them.
