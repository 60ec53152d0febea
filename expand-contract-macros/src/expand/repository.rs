use expand_contract_model::{names, Field, Model, Repository};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Type;

/// The repository of a model: one method per kind of statement, each a call with one bound.
pub(super) fn repository(model: &Model) -> Option<TokenStream> {
    let ident = &model.record.ident;
    let name = match &model.repository {
        Repository::Off => return None,
        Repository::Named(name) => name.clone(),
        Repository::Default => format_ident!("{}Repository", names::text(ident)),
    };
    // Rows are loaded, so a model that borrows has no repository; nor has one that is missing a part of its key.
    let key = key_fields(model)?;
    if !model.record.generics.params.is_empty() {
        return None;
    }
    let private = super::private(&model.migration.krate);
    let diesel = quote!(#private::diesel);
    let table = model.record.table();
    let vis = &model.record.vis;

    let members: Vec<_> = key.iter().map(|(field, _)| &field.member).collect();
    let columns: Vec<_> = key.iter().map(|(_, column)| column).collect();
    let types: Vec<&Type> = key.iter().map(|(field, _)| &field.ty).collect();
    let key_columns = quote!((#(#table::#columns,)*));
    let key_type = quote! {
        #private::KeyIs<#key_columns, (#(#private::Bind<'q, #types, #table::#columns>,)*)>
    };
    let key_of = |values: &[TokenStream]| {
        quote! {
            (#(#diesel::expression::AsExpression::<#diesel::dsl::SqlTypeOf<#table::#columns>>::as_expression(#values),)*)
        }
    };
    let given: Vec<TokenStream> = columns.iter().map(|column| quote!(#column)).collect();
    let own: Vec<TokenStream> = members.iter().map(|member| quote!(&row.#member)).collect();
    let (given, own) = (key_of(&given), key_of(&own));
    let same = |values: &TokenStream| quote!(#private::KeyIs::new(#private::KeyOrder::Same, #key_columns, ::core::option::Option::Some(#values)));
    let (same_as_given, same_as_own) = (same(&given), same(&own));
    let result = quote!(#diesel::result::QueryResult);
    let finders = model.migration.changes.iter().map(|change| {
        let column = &change.column;
        let finder = format_ident!("find_by_{}", names::text(column));
        let upserter = format_ident!("upsert_by_{}", names::text(column));
        let doc =
            format!("The rows whose `{column}` is the value, in whichever column the phase reads.");
        let upsert_doc = format!(
            "Inserts the record, or writes its fields to the row that has its `{column}`; gives the row as it is then."
        );
        quote! {
            #[doc = #doc]
            ///
            /// # Errors
            /// As of the connection.
            pub fn #finder<'q, C, V>(conn: &mut C, value: V) -> #result<#private::Vec<#ident>>
            where
                #ident: #private::FindBy<'q, #table::#column, V, C>,
            {
                #private::FindBy::find_by(#table::table, value, conn)
            }

            #[doc = #upsert_doc]
            ///
            /// The column must be unique by itself. The record is of any type that derives `Insertable` and `AsChangeset`
            /// for the table: one without the key leaves that to the database. While the unique index is handed over from
            /// one column to the other, a statement that another client was faster than is sent again.
            ///
            /// # Errors
            /// As of the connection, another violated constraint included.
            pub fn #upserter<'q, C, R>(conn: &mut C, record: R) -> #result<#ident>
            where
                #ident: #private::UpsertBy<'q, #table::#column, R, C>,
            {
                #private::UpsertBy::upsert_by(#table::table, record, conn)
            }
        }
    });
    let doc =
        format!("[`{ident}`] in its table: methods instead of queries, right in every phase.");
    Some(quote! {
        #[doc = #doc]
        #[derive(Debug, Clone, Copy)]
        #[allow(dead_code)]
        #vis struct #name;

        #[automatically_derived]
        #[allow(dead_code, clippy::all, clippy::pedantic)]
        impl #name {
            /// The row of the key.
            ///
            /// # Errors
            /// As of the connection.
            pub fn find<'q, C>(conn: &mut C, #(#columns: &'q #types),*) -> #result<::core::option::Option<#ident>>
            where
                #ident: #private::Find<'q, #table::table, #key_type, C>,
            {
                let key = #same_as_given;
                let rows: #private::Vec<#ident> = #private::Find::find(#table::table, key, conn)?;
                ::core::result::Result::Ok(::core::iter::IntoIterator::into_iter(rows).next())
            }

            /// A page of at most `limit` rows in the order of the key: the first one, or the one behind `row`.
            ///
            /// # Errors
            /// As of the connection.
            pub fn list<'q, C>(
                conn: &mut C,
                row: ::core::option::Option<&'q #ident>,
                limit: i64,
            ) -> #result<#private::Vec<#ident>>
            where
                #ident: #private::List<'q, #table::table, #key_columns, #key_type, C>,
            {
                let key = #private::KeyIs::new(#private::KeyOrder::Behind, #key_columns, row.map(|row| #own));
                #private::List::list(#table::table, #key_columns, key, limit, conn)
            }

            /// Inserts a record (of any type that derives `Insertable` for the table) and gives its row.
            ///
            /// # Errors
            /// As of the connection, a violated constraint included.
            pub fn insert<'q, C, R>(conn: &mut C, record: R) -> #result<#ident>
            where
                #ident: #private::Insert<'q, #table::table, R, C>,
            {
                #private::Insert::insert(#table::table, record, conn)
            }

            /// Inserts records in one transaction, in as many statements as their number asks for; gives the number of rows.
            ///
            /// # Errors
            /// As of the connection; then nothing is inserted.
            pub fn insert_all<C, R>(conn: &mut C, records: R) -> #result<usize>
            where
                R: ::core::iter::IntoIterator,
                #ident: #private::InsertAll<#table::table, R::Item, C>,
            {
                <#ident as #private::InsertAll<#table::table, R::Item, C>>::insert_all(#table::table, records, conn)
            }

            /// Writes the row's fields to the row of its key; gives the number of rows: 0 if there is none.
            ///
            /// # Errors
            /// As of the connection.
            pub fn update<'q, C>(conn: &mut C, row: &'q #ident) -> #result<usize>
            where
                #ident: #private::Update<#table::table, #key_type, &'q #ident, C>,
            {
                let key = #same_as_own;
                <#ident as #private::Update<#table::table, #key_type, &'q #ident, C>>::update(#table::table, key, row, conn)
            }

            /// Inserts the row, or writes its fields to the row of its key; gives the row as it is then.
            ///
            /// # Errors
            /// As of the connection, another violated constraint included.
            pub fn upsert<'q, C>(conn: &mut C, row: &'q #ident) -> #result<#ident>
            where
                #ident: #private::UpsertRow<'q, #table::table, &'q #ident, C>,
            {
                #private::UpsertRow::upsert(
                    #table::table,
                    &[#(<#table::#columns as #diesel::query_source::Column>::NAME,)*],
                    row,
                    conn,
                )
            }

            /// Deletes the row of the key; gives the number of rows: 0 if there is none.
            ///
            /// # Errors
            /// As of the connection.
            pub fn delete<'q, C>(conn: &mut C, #(#columns: &'q #types),*) -> #result<usize>
            where
                #ident: #private::Delete<#table::table, #key_type, C>,
            {
                let key = #same_as_given;
                <#ident as #private::Delete<#table::table, #key_type, C>>::delete(#table::table, key, conn)
            }

            #(#finders)*
        }
    })
}

/// The fields of the primary key, in its order; none if the struct lacks one.
fn key_fields(model: &Model) -> Option<Vec<(&Field, &Ident)>> {
    let of = |key: &Ident| {
        model.record.fields.iter().find_map(|field| {
            let column = field.column.as_ref()?;
            (column == key && !field.embed).then_some((field, column))
        })
    };
    model.record.primary_key.iter().map(of).collect()
}
